/** Tools that a role may not call are not offered to the model, in any dialect; the rest of the request stays. */
import { describe, expect, it } from 'vitest'
import type { JsonObject, JsonValue } from '../../src/core/json.ts'
import type { PrepareOptions } from '../../src/dialects/dialect.ts'
import { dialectFor } from '../../src/dialects/dialects.ts'
import { compileTools } from '../../src/tool-policy/rights.ts'
import { cases, tools as policy } from '../tool-policy/cases.ts'
import { exchangeOf, orders as usual } from './exchange-of.ts'

const base: PrepareOptions = { ...usual, server: 'localai', contextTokens: 100 }
const nested = (name: string) => ({ type: 'function', function: { name, parameters: { type: 'object' } } })
const flat = (name: string) => ({ type: 'function', name, parameters: { type: 'object' } })
const anthropics = (name: string) => ({ name, input_schema: { type: 'object' } })
const hello = [{ role: 'user', content: 'hello' }]

interface Api {
  readonly path: string
  readonly body: JsonObject
  declare(name: string): JsonObject
  nameOf(tool: JsonObject): JsonValue | undefined
  /** A choice that names a tool, if the API has one. */
  choose?(name: string): JsonObject
}
const ofFunction = ({ function: declared }: JsonObject) => (declared as JsonObject).name
const named = ({ name }: JsonObject) => name
const apis: readonly Api[] = [
  { path: '/api/chat', body: { messages: hello }, declare: nested, nameOf: ofFunction },
  {
    path: '/v1/chat/completions',
    body: { messages: hello, parallel_tool_calls: true },
    declare: nested,
    nameOf: ofFunction,
    choose: (name) => ({ type: 'function', function: { name } }),
  },
  {
    path: '/v1/responses',
    body: { input: 'hello', max_tool_calls: 3 },
    declare: flat,
    nameOf: named,
    choose: (name) => ({ type: 'function', name }),
  },
  {
    path: '/v1/messages',
    body: { messages: hello, max_tokens: 10 },
    declare: anthropics,
    nameOf: named,
    choose: (name) => ({ type: 'tool', name }),
  },
]

function prepared(
  { path, body }: Pick<Api, 'path' | 'body'>,
  more: JsonObject,
  allow: readonly string[],
  server = base.server,
) {
  const exchange = exchangeOf(dialectFor(path), path)
  const prompt = exchange.read({ model: 'm', ...body, ...structuredClone(more) })
  const { mayCall } = compileTools({ allow, approve: [], otherwise: 'refuse', arguments: {} }, () => {})
  return exchange.prepare(prompt, { ...base, server, mayCall })
}

describe.each(apis.map((api) => [api.path, api] as const))('%s', (_path, api) => {
  const offer = (names: readonly string[]) => names.map(api.declare)

  it('offers only what may be called, and names what it left out', () => {
    const tools = offer(['search_web', 'rm_all', 'search_mail'])
    const { body, dropped } = prepared(api, { tools }, ['search_*'])
    expect((body.tools as JsonObject[]).map(api.nameOf)).toEqual(['search_web', 'search_mail'])
    expect(dropped).toContain('tools[rm_all]')
    expect(JSON.stringify(body)).not.toContain('rm_all')
  })

  it('changes nothing where everything may be called', () => {
    const tools = offer(['search_web', 'search_mail'])
    const { body, dropped } = prepared(api, { tools }, ['*'])
    expect((body.tools as JsonObject[]).map(api.nameOf)).toEqual(['search_web', 'search_mail'])
    expect(dropped).toEqual([])
  })

  it('leaves a request without tools that is one', () => {
    const choice = api.choose ? { tool_choice: api.choose('rm_all') } : {}
    const { body, dropped } = prepared(api, { tools: offer(['rm_all', 'rm_most']), ...choice }, ['search_*'])
    for (const field of ['tools', 'tool_choice', 'parallel_tool_calls', 'max_tool_calls'])
      expect(body).not.toHaveProperty(field)
    expect(dropped).toEqual(expect.arrayContaining(['tools[rm_all]', 'tools[rm_most]']))
    expect(JSON.stringify(body)).toContain('hello')
    expect(prepared(api, { tools: [] }, ['search_*']).dropped).toEqual([])
    expect(prepared(api, {}, ['search_*']).body).not.toHaveProperty('tools')
  })

  it('knows the 200 cases by their names', () => {
    const names = [...new Set(cases.map(([name]) => name))].filter((name) => name !== '')
    const exchange = exchangeOf(dialectFor(api.path), api.path)
    const prompt = exchange.read({ model: 'm', ...api.body, tools: offer(names) })
    const { mayCall } = compileTools(policy, () => {})
    const { body } = exchange.prepare(prompt, { ...base, mayCall })
    const mayBe = new Set(cases.filter(([, , said]) => said !== 'name').map(([name]) => name))
    expect((body.tools as JsonObject[]).map(api.nameOf)).toEqual(names.filter((name) => mayBe.has(name)))
  })
})

describe.each(
  apis.flatMap(({ path, choose, ...api }) => (choose ? [[path, { path, choose, ...api }] as const] : [])),
)('a choice of %s', (_path, api) => {
  it('is left to the model when its tool is gone', () => {
    const tools = ['search_web', 'rm_all'].map(api.declare)
    const lost = prepared(api, { tools, tool_choice: api.choose('rm_all') }, ['search_*'])
    expect(lost.body).not.toHaveProperty('tool_choice')
    expect(lost.dropped).toContain('tool_choice')
    const kept = prepared(api, { tools, tool_choice: api.choose('search_web') }, ['search_*'])
    expect(kept.body.tool_choice).toMatchObject(api.choose('search_web'))
  })
})

describe('choices that name no tool', () => {
  it.each([
    ['/v1/chat/completions', 'required'],
    ['/v1/responses', 'required'],
    ['/v1/messages', { type: 'any' }],
  ])('%s stay while there is a tool', (path, tool_choice) => {
    const api = apis.find((each) => each.path === path)
    if (!api) throw new Error(path)
    const tools = ['search_web', 'rm_all'].map(api.declare)
    expect(prepared(api, { tools, tool_choice }, ['search_*']).body.tool_choice).toEqual(tool_choice)
    expect(prepared(api, { tools, tool_choice }, ['other']).body).not.toHaveProperty('tool_choice')
  })
})

describe('namespaces of Responses', () => {
  const namespace = (name: string, tools: JsonObject[]) => ({ type: 'namespace', name, tools })
  const asked = { path: '/v1/responses', body: { input: 'hi' } }
  const offered = (tools: JsonValue, server: PrepareOptions['server'] = 'ollama') => {
    const { body, dropped } = prepared(asked, { tools }, ['get_*', 'inner.get_*'], server)
    return { tools: body.tools, dropped }
  }

  it('are searched to their end, and go when nothing is left in them', () => {
    const inner = namespace('inner', [flat('get_b'), flat('rm_b')])
    const { tools, dropped } = offered([
      namespace('outer', [flat('rm_a'), inner, namespace('bad', [flat('rm_c')])]),
      flat('get_a'),
    ])
    expect(tools).toEqual([namespace('outer', [namespace('inner', [flat('get_b')])]), flat('get_a')])
    expect(dropped).toEqual(['tools[rm_a]', 'tools[rm_b]', 'tools[rm_c]'])
    expect(offered([namespace('get_all', [flat('rm_a')])]).tools).toBeUndefined()
  })

  it('reach a server that does not know them as functions of that name', () => {
    const inner = namespace('inner', [flat('get_b'), flat('inner.get_c')])
    const { tools } = offered([namespace('outer', [inner]), flat('get_a')], 'localai')
    expect(tools).toEqual([flat('outer.inner.get_b'), flat('outer.inner.get_c'), flat('get_a')])
  })
})

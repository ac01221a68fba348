/** Two policies compared in sentences. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { mintKey } from '../../src/auth/api-keys/key.ts'
import { writeKeyFile } from '../../src/auth/api-keys/key-file.ts'
import { type LoadedPolicy, loadPolicy } from '../../src/policy/load.ts'
import type { SchemaNode } from '../../src/policy/schema/node.ts'
import { policySchema } from '../../src/policy/schema/schema.ts'
import { readSource } from '../../src/policy/source.ts'
import { validate } from '../../src/policy/validate.ts'
import { diffPolicies, type PolicyDiff } from '../../src/rights/diff/diff.ts'
import { cli } from '../rig/cli.ts'
import { entryOf } from '../rig/gate.ts'

const folder = mkdtempSync(join(tmpdir(), 'torwart-diff-'))
afterAll(() => rmSync(folder, { recursive: true }))
const [old, now] = [join(folder, 'old.yaml'), join(folder, 'new.yaml')]
const base = 'version: 1\nupstreams: [{ name: local, url: "http://127.0.0.1:11434", kind: ollama }]\n'
const keys = Array.from({ length: 3 }, () => mintKey())
const gone = mintKey()
writeKeyFile(join(folder, 'keys.yaml'), [
  ...keys.map(({ key, id }) => entryOf(key, id, 'agent')),
  { ...entryOf(gone.key, gone.id, 'agent'), revoked: '2026-01-01T00:00:00Z' },
])

async function compare(before: string, after: string, variables: Record<string, string> = {}) {
  writeFileSync(old, base + before)
  writeFileSync(now, base + after)
  const { code, out } = await cli(['diff', old, now, '--json'], '', variables)
  const found = JSON.parse(out) as PolicyDiff
  const of = (kind: keyof PolicyDiff) => found[kind].map(({ sentence }) => sentence)
  return { code, out, widened: of('widened'), narrowed: of('narrowed'), other: of('other') }
}

const agent = (more: string) => `roles: { agent: { routes: [chat], models: ["qwen3:*"]${more} } }\n`

describe('diff', () => {
  it('says which tools a role may call now, and how many keys have it', async () => {
    const before = agent(', tools: { allow: [search, read], approve: [pay] }')
    const after = agent(', tools: { allow: [search, pay], approve: [write] }')
    expect(await compare(before, after)).toMatchObject({
      code: 1,
      widened: [
        'role `agent` may now call tool `pay` without approval; 3 keys have it',
        'role `agent` may now call, after a human’s approval, tool `write`; 3 keys have it',
      ],
      narrowed: ['role `agent` may no longer call tool `read`; 3 keys have it'],
      other: [],
    })
  })

  it.each([
    [
      '',
      ', tools: { allow: [search], otherwise: strip }',
      'narrowed',
      /may now call only some tools: `search`/,
    ],
    [', tools: { allow: [search] }', '', 'widened', /may now call any tool/],
    [
      ', limits: { requestsPerMinute: 10 }',
      ', limits: { requestsPerMinute: 20 }',
      'widened',
      /is now 20 \(was 10\)/,
    ],
    [', limits: { tokensPerDay: 10 }', '', 'widened', /`limits.tokensPerDay` is not set any more \(was 10\)/],
    ['', ', limits: { concurrent: 1 }', 'narrowed', /`limits.concurrent` is now 1; 3 keys have it/],
    ['', ', caps: { body: 2MiB }', 'widened', /`caps.body` is now 2MiB \(was 1MiB\)/],
    ['', ', allow: [raw]', 'widened', /may now use the features `raw`/],
    ['', ', trustSystem: true', 'widened', /`trustSystem` is now true/],
    [
      '',
      ', guards: { prompt: { mode: observe } }',
      'widened',
      /`guards.prompt.mode` is now observe \(was enforce\)/,
    ],
    ['', ', guards: { output: { pii: block } }', 'narrowed', /`guards.output.pii` is now block \(was off\)/],
    ['', ', guards: { prompt: { block: medium } }', 'narrowed', /is now medium \(was high\)/],
  ] as const)('%j to %j: %s', async (before, after, direction, sentence) => {
    const found = await compare(agent(before), agent(after))
    expect(found[direction]).toContainEqual(expect.stringMatching(sentence))
    const opposite = direction === 'widened' ? 'narrowed' : 'widened'
    expect(found[opposite]).toEqual([])
    // And back again.
    const back = await compare(agent(after), agent(before))
    expect(back[direction]).toEqual([])
    expect(back[opposite].length).toBe(found[direction].length)
  })

  it('says what a new role may do, and what else it has', async () => {
    const more = 'roles: { agent: {}, crew: { routes: [chat], models: [x], caps: { images: 3 } } }\n'
    const { widened, other } = await compare('roles: { agent: {} }\n', more)
    expect(widened).toEqual(['role `crew` is new: routes `chat`; models `x`; tools any; no key has it'])
    expect(other).toEqual(['role `crew`: `caps.images` is now 3 (was 0); no key has it'])
    expect((await compare(more, 'roles: { agent: {} }\n')).narrowed).toEqual([
      'role `crew` is gone: its callers are refused; no key has it',
    ])
  })

  it('tells a guard of all to each role that inherits it', async () => {
    const roles = 'roles: { agent: {}, own: { guards: { prompt: { mode: enforce } } } }\n'
    const { widened } = await compare(roles, `${roles}guards: { prompt: { mode: off } }\n`)
    expect(widened).toEqual([
      'role `agent`: `guards.prompt.mode` is now off (was enforce); 3 keys have it',
      '`guards.prompt.mode` is now off (was enforce)',
    ])
  })

  it('tells what has no sentence by its path, and orders where the first match applies', async () => {
    const { other } = await compare(
      'timeouts: { total: 5m }\nprices: { a: { input: 1, output: 1 }, "*": { input: 2, output: 2 } }\n',
      'timeouts: { total: 6m }\nprices: { "*": { input: 2, output: 2 }, a: { input: 1, output: 1 } }\n',
    )
    expect(other).toEqual(['`prices` has another order', '`timeouts.total` is now 6m (was 5m)'])
  })

  it.each([
    ['a default that is written out', '', 'limits: {}\ntimeouts: { body: 30s }\n'],
    ['another unit', 'timeouts: { total: 60m }\n', 'timeouts: { total: 1h }\n'],
    [
      'comments and the order of lists',
      agent(', allow: [raw, context]'),
      `# x\n${agent(', allow: [context, raw]')}`,
    ],
  ])('finds nothing in %s', async (_, before, after) => {
    const found = await compare(before, after)
    expect({ code: found.code, all: [...found.widened, ...found.narrowed, ...found.other] }).toEqual({
      code: 0,
      all: [],
    })
    expect((await cli(['diff', old, now])).out).toBe('They mean the same.\n')
  })

  it('never shows a secret, a password in a URL, or what a variable holds', async () => {
    const { out, other } = await compare(
      'admin: { token: first-secret-value }\nstore: { redis: "redis://u:pass-one@127.0.0.1:6379" }\n',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of the policy
      'admin: { token: other-secret-value }\nstore: { redis: "redis://u:pass-two@127.0.0.1:6379", prefix: "${PREFIX}" }\n',
      { PREFIX: 'held-by-a-variable' },
    )
    expect(out).not.toMatch(/secret-value|pass-|held-by/)
    expect(other).toContain('`store.prefix` has another value')
  })

  it('prints rights that widen first', async () => {
    writeFileSync(old, base + agent(''))
    writeFileSync(
      now,
      base + agent(', limits: { requestsPerMinute: 99, concurrent: 2 }').replace('chat', 'chat, models'),
    )
    const { out } = await cli(['diff', old, now])
    expect(out.split('\n').filter((line) => !line.startsWith('  '))).toEqual([
      'Callers may do more:',
      '',
      'Callers may do less:',
      '',
    ])
    expect(out).toContain('  role `agent` may now use the routes `models`; 3 keys have it\n')
  })
})

type Path = readonly (string | number)[]

/** Every leaf of the schema, named things as `x`. */
function leavesOf(node: SchemaNode, path: Path): { path: Path; node: SchemaNode }[] {
  const below = [
    ...Object.entries(node.properties ?? {}).map(([key, member]) => [key, member] as const),
    ...Object.values(node.patternProperties ?? {}).map((member) => ['x', member] as const),
    ...(node.items?.properties ? [[0, node.items] as const] : []),
  ]
  return below.length === 0
    ? [{ path, node }]
    : below.flatMap(([step, member]) => leavesOf(member, [...path, step]))
}

function wrap(path: Path, value: unknown): unknown {
  const [step, ...rest] = path
  if (step === undefined) return value
  return typeof step === 'number' ? [wrap(rest, value)] : { [step]: wrap(rest, value) }
}

/** Two values that the schema takes and that mean different things. */
function valuesOf(node: SchemaNode): readonly unknown[] {
  const { type, enum: all, anyOf, form, items, minimum = 1, maximum = 1e12, min } = node
  if (all) return [...all.slice(0, 2), all[1] ?? undefined].slice(0, 2)
  if (anyOf?.[0]) return valuesOf(anyOf[0])
  if (type === 'boolean') return [true, false]
  if (type === 'integer' || type === 'number') return [minimum, Math.min(minimum + 1, maximum)]
  if (form === 'duration') return [min ?? '1s', '2h']
  if (form === 'size') return [min ?? '1B', '128KiB']
  if (form === 'address') return ['127.0.0.1:1', '127.0.0.1:2']
  if (type === 'array')
    return items?.enum ? [[items.enum[0]], items.enum.slice(0, 2)] : [['a.example'], ['b.example']]
  const some = ['a', 'b', '/a', '/b', '1%', '2%', '0600', '0660', '127.0.0.1:1', '127.0.0.1:2']
  const fitting = some.filter((each) => node.pattern === undefined || new RegExp(node.pattern).test(each))
  return fitting.slice(0, 2)
}

describe('no difference is dropped', () => {
  const file = join(folder, 'any.yaml')
  writeFileSync(file, base)
  const loaded = loadPolicy(file, {})
  /** Without what only compiling checks, which concerns several keys. */
  const policyWith = (path: Path, value: unknown): LoadedPolicy => {
    const source = readSource(file, stringify({ version: 1, ...(wrap(path, value) as object) }), {
      variables: {},
      readFile: () => '',
    })
    return { ...loaded, config: validate(source).config, source }
  }
  const count = (before: LoadedPolicy, after: LoadedPolicy) =>
    Object.values(diffPolicies(before, after, [], 0)).flat().length
  const leaves = leavesOf(policySchema, []).filter(({ path }) => path[0] !== 'version')

  it('of any key of the schema, and a policy is like itself', () => {
    expect(leaves.length).toBeGreaterThan(150)
    const silent = leaves.filter(({ path, node }) => {
      const [one, other] = valuesOf(node)
      const [before, after] = [policyWith(path, one), policyWith(path, other)]
      expect(count(before, before), path.join('.')).toBe(0)
      // A key with one word alone has no other value: that it is there at all is the difference.
      return count(other === undefined ? loaded : before, after) === 0
    })
    expect(silent.map(({ path }) => path.join('.'))).toEqual([])
  })
})

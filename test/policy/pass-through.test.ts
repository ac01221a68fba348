/** What `check` says of `passthrough`: each fault with its place, and what every entry means. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { dialects } from '../../src/dialects/dialects.ts'
import { loadPolicy } from '../../src/policy/load.ts'
import { PolicyError } from '../../src/policy/problem.ts'

const folder = mkdtempSync(join(tmpdir(), 'torwart-passthrough-'))
afterAll(() => rmSync(folder, { recursive: true }))
const file = join(folder, 'torwart.yaml')

const load = (entries: readonly string[], more = '') => {
  writeFileSync(
    file,
    `version: 1
upstreams: [{ name: voice, url: http://127.0.0.1:8081, kind: localai }]
roles: { operator: { routes: [models], models: ["*"] } }
passthrough:
${entries.map((entry) => `  - ${entry}`).join('\n')}
${more}`,
  )
  return loadPolicy(file, {})
}
const faults = (...entries: string[]) => {
  try {
    load(entries)
    return []
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error
    return error.problems.map(({ line, column, message }) => `${line}:${column} ${message}`)
  }
}
const entry = (prefix: string, more = '') =>
  `{ prefix: "${prefix}", upstream: voice, roles: [operator]${more} }`

describe('a pass-through in the policy', () => {
  it('reads pages only, keeps the prefix and names its server, unless it says otherwise', () => {
    const { policy } = load([entry('/localai/'), entry('/x', ', stripPrefix: true, methods: [POST]')])
    expect(policy.passThrough).toEqual([
      {
        prefix: '/localai',
        upstream: policy.upstreams[0],
        stripPrefix: false,
        roles: new Set(['operator']),
        methods: new Set(['GET', 'HEAD']),
      },
      expect.objectContaining({ prefix: '/x', stripPrefix: true, methods: new Set(['POST']) }),
    ])
  })

  it('must not be where a route of the gateway is, above it or below it', () => {
    const paths = dialects.flatMap(({ endpoints, absent = {} }) => [
      ...endpoints.map(({ path }) => path.replace(/\/:\w+$/, '')),
      ...Object.keys(absent),
    ])
    const all = ['/v1', '/api', '/torwart', '/torwart/v1/tokens', '/health', '/healthz/x', '/v1/models/x']
    for (const path of [...all, ...paths.filter((each) => each !== '/')])
      for (const prefix of [path, `${path}/`])
        expect([prefix, faults(entry(prefix))]).toEqual([
          prefix,
          [expect.stringMatching(/^5:15 .*would shadow the route \//)],
        ])
    expect(faults(entry('/v1x'))).toEqual([])
  })

  it('must not overlap with another', () => {
    expect(faults(entry('/a/b'), entry('/a/b/'))).toEqual([
      expect.stringMatching(/^6:15 .*overlaps with the prefix \/a\/b\//),
    ])
    expect(faults(entry('/a/b'), entry('/a'))).toHaveLength(1)
    expect(faults(entry('/a/b'), entry('/a/bc'))).toEqual([])
  })

  it('must name what there is', () => {
    expect(faults('{ prefix: /x, upstream: voce, roles: [operator] }')).toEqual([
      expect.stringMatching(/^5:29 .*names no upstream: voce/),
    ])
    expect(faults('{ prefix: /x, upstream: voice, roles: [operator, nobody] }')).toEqual([
      expect.stringMatching(/^5:54 .*names no role: nobody/),
    ])
    expect(faults('{ prefix: /x, upstream: voice, roles: [] }')).toHaveLength(1)
    expect(faults('{ prefix: /x, upstream: voice }')).toHaveLength(1)
  })

  it('has a plain path, known methods, no guards and no WebSockets', () => {
    for (const prefix of ['/', '', 'x', '/a//b', '/../a', '/a b', '/%41', '/a?b', '/:id', '/*'])
      expect([prefix, faults(entry(prefix)).length]).toEqual([prefix, 1])
    expect(faults(entry('/x', ', methods: [CONNECT]'))).toHaveLength(1)
    expect(faults(entry('/x', ', methods: [OPTIONS]'))).toHaveLength(1)
    expect(faults(entry('/x', ', guards: prompt'))).toHaveLength(1)
    expect(faults(entry('/x', ', websocket: true'))).toEqual([expect.stringMatching(/^5:68 .*must be false/)])
  })

  it('is warned about: nothing is read, writing can do everything, certificates are sent by browsers', () => {
    const told = (more = '', tls = '') =>
      load([entry('/x', more)], tls).warnings.map(({ message }) => message)
    expect(told()).toEqual([expect.stringContaining('nothing that passes here is scanned')])
    expect(told(', methods: [GET, POST, DELETE]')).toEqual([
      expect.stringContaining('is scanned'),
      expect.stringContaining('POST, DELETE can ask models'),
    ])
  })
})

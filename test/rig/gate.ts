/** A whole gate on free ports, with a folder of its own, started in this process as `serve` starts it. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import { hashKey, mintKey } from '../../src/auth/api-keys/key.ts'
import { type KeyEntry, writeKeyFile } from '../../src/auth/api-keys/key-file.ts'
import type { Clock } from '../../src/core/clock.ts'
import type { Intervals } from '../../src/core/intervals.ts'
import type { ServerKind } from '../../src/core/servers.ts'
import { createScanners } from '../../src/pipeline/request/scan-cache.ts'
import { loadPacks } from '../../src/policy/packs.ts'
import { type Gateway, type GatewayOptions, startGateway } from '../../src/server/gateway.ts'
import { createLog } from '../../src/telemetry/log.ts'

export interface RunningGate extends Gateway {
  readonly folder: string
  readonly policyFile: string
  readonly keysFile: string
  readonly auditFile: string
  /** The key of the role `agent`. */
  readonly key: string
  readonly keyId: string
  /** Everything the operational log said. */
  readonly logged: () => string
  /** Every audit record so far, parsed. */
  records(): Record<string, unknown>[]
  /** Only those of requests. */
  requests(): Record<string, unknown>[]
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Response>
  get(path: string, headers?: Record<string, string>): Promise<Response>
}

export const processes = {
  pid: process.pid,
  isAlive: (pid: number) => {
    try {
      return process.kill(pid, 0)
    } catch {
      return false
    }
  },
}

/** For `role`: an agent that nothing holds back, and behind it the role `narrow`, which may only see models. */
export const wideAndNarrow = `    routes: [chat, completions, embeddings, models]
    models: ["smollm2:*", all-minilm]
    limits: { requestsPerMinute: 100000, tokensPerMinute: 100000000, concurrent: 64 }
  narrow:
    routes: [models]
    models: ["smollm2:*"]`

export interface GateSettings {
  readonly upstream: string
  /** Of the upstream; `ollama` if absent. */
  readonly kind?: ServerKind
  /** YAML of further keys of the upstream, such as `concurrent: 1`. */
  readonly upstreamMore?: string
  /** YAML of further upstreams, flow style, one a line. */
  readonly furtherUpstreams?: readonly string[]
  /** YAML below the role `agent`, indented by four. */
  readonly role?: string
  /** YAML of further keys of `listen`. */
  readonly listen?: string
  /** YAML of `listen.tls`. */
  readonly tls?: string
  /** YAML of further keys of `admin`. */
  readonly admin?: string
  /** `shutdown.notice`; none if absent. */
  readonly notice?: string
  /** YAML of further top-level keys. */
  readonly more?: string
  /** Besides `shortIntervals`. */
  readonly intervals?: Partial<Intervals>
  readonly keys?: readonly KeyEntry[]
  readonly variables?: Record<string, string>
  /** Where `more` puts the log, if it does. */
  readonly auditFile?: string
  readonly clock?: Clock
  /** Called before it starts, with its folder and the id of its key. */
  readonly prepare?: (folder: string, keyId: string) => void | Promise<void>
}

/** So that no test waits for a timer. */
const shortIntervals: Intervals = {
  filesMs: 25,
  tlsFilesMs: 25,
  freezesMs: 25,
  sharedKeysMs: 50,
  issuerKeysMs: 25,
  issuerKeyFileMs: 25,
  changeRecordMs: 50,
  toolPinsMs: 25,
  modelsMs: 50,
  otlpSpansMs: 25,
  otlpMetricsMs: 50,
  anomaliesMs: 25,
  anomaliesSaveMs: 60_000,
}

/** Compiling the packs takes most of a gate's start. */
export const scannerFor = createScanners(loadPacks())

const usualRole = `    routes: [chat, completions, embeddings, models]
    models: ["smollm2:*", all-minilm]
    limits: { requestsPerMinute: 100000, tokensPerMinute: 100000000, concurrent: 64 }
`

/** A role of the policy that is shipped, with the model of our scripted servers. */
export function shippedRole(name: string): string {
  const { roles } = parse(readFileSync('config/torwart.yaml', 'utf8')) as { roles: Record<string, object> }
  return stringify({ ...roles[name], models: ['smollm2:*'] }).replaceAll(/^(?=.)/gm, '    ')
}

export function policyText(settings: GateSettings): string {
  const { upstream, kind = 'ollama', upstreamMore, furtherUpstreams = [] } = settings
  const { role = usualRole, listen, admin, tls, more = '' } = settings
  const first = `{ name: local, url: "${upstream}", kind: ${kind}${upstreamMore === undefined ? '' : `, ${upstreamMore}`} }`
  return `version: 1
listen: { address: "127.0.0.1:0"${tls === undefined ? '' : `, tls: ${tls}`}${listen === undefined ? '' : `, ${listen}`} }
admin: { address: "127.0.0.1:0"${admin === undefined ? '' : `, ${admin}`} }
upstreams: [${[first, ...furtherUpstreams].join(', ')}]
roles:
  agent:
${role}
${settings.auditFile === undefined ? 'audit: { file: audit.jsonl }' : ''}
shutdown: { notice: ${settings.notice ?? '0s'}, grace: 2s }
${more}`
}

export function entryOf(key: string, id: string, role = 'agent'): KeyEntry {
  return { id, name: 'test', role, sha256: hashKey(key).toString('hex'), created: new Date().toISOString() }
}

/** What a gateway of this process is started with. */
export function gatewayOptions(policyFile: string, write: (line: string) => void): GatewayOptions {
  return {
    ...{ policyFile, processes, scannerFor, variables: {}, intervals: shortIntervals, version: '0.0.0-test' },
    log: createLog('trace', { write }),
  }
}

export async function startGate(settings: GateSettings): Promise<RunningGate> {
  const folder = mkdtempSync(join(tmpdir(), 'torwart-test-'))
  const policyFile = join(folder, 'torwart.yaml')
  const keysFile = join(folder, 'keys.yaml')
  const auditFile = settings.auditFile ?? join(folder, 'audit.jsonl')
  writeFileSync(policyFile, policyText(settings))
  const { id, key } = mintKey()
  writeKeyFile(keysFile, [entryOf(key, id), ...(settings.keys ?? [])])
  await settings.prepare?.(folder, id)
  let logText = ''
  const gateway = await startGateway({
    ...gatewayOptions(policyFile, (line) => {
      logText += line
    }),
    variables: settings.variables ?? {},
    ...(settings.clock ? { clock: settings.clock } : {}),
    intervals: { ...shortIntervals, ...settings.intervals },
  })
  const records = () =>
    readFileSync(auditFile, 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Record<string, unknown>)
  const authorization = `Bearer ${key}`
  return {
    ...gateway,
    folder,
    policyFile,
    keysFile,
    auditFile,
    key,
    keyId: id,
    logged: () => logText,
    records,
    requests: () => records().filter((record) => !('event' in record)),
    post: (path, body, headers = {}) =>
      fetch(gateway.data + path, {
        method: 'POST',
        headers: { authorization, 'content-type': 'application/json', ...headers },
        body: typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body),
        redirect: 'manual',
      }),
    get: (path, headers = {}) =>
      fetch(gateway.data + path, { headers: { authorization, ...headers }, redirect: 'manual' }),
    async close() {
      await gateway.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Deployments for the tests of `doctor`: a policy in a folder of its own, and facts that are safe until a test says otherwise. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach } from 'vitest'
import { readAuditFiles, readEnvFiles, readSecretFiles } from '../../src/doctor/collect/files.ts'
import { readServer } from '../../src/doctor/collect/model-server.ts'
import { readListeners } from '../../src/doctor/collect/proc.ts'
import { readRedis } from '../../src/doctor/collect/redis.ts'
import { memoryFor, readDisk, readOpenFiles } from '../../src/doctor/collect/system.ts'
import type { Check, Facts } from '../../src/doctor/facts.ts'
import { isFinding } from '../../src/doctor/finding.ts'
import { loadPolicy } from '../../src/policy/load.ts'

const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

export function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'torwart-doctor-'))
  closers.push(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** Nothing listens there: the port is reserved (RFC 6335) and needs rights to bind. */
const silentUrl = 'http://127.0.0.1:1'

export interface Written {
  readonly url?: string
  readonly kind?: string
  /** Further lines. */
  readonly more?: string
  readonly role?: string
}

const safeRole = 'user: { routes: [chat, models], models: ["llama3.2"], limits: { tokensPerDay: 100000 } }'

/** Writes a policy, its keys and its log as `init` would. */
export function writePolicy({ url = silentUrl, kind = 'ollama', more = '', role = safeRole }: Written = {}) {
  const path = folder()
  const file = join(path, 'torwart.yaml')
  mkdirSync(join(path, 'audit'), { mode: 0o700 })
  writeFileSync(
    file,
    [
      'version: 1',
      `upstreams: [{ name: local, url: "${url}", kind: ${kind} }]`,
      `roles: { ${role} }`,
      'keys: { file: keys.yaml }',
      'audit: { file: audit/audit.jsonl }',
      more,
    ].join('\n'),
  )
  chmodSync(file, 0o644)
  for (const each of ['keys.yaml', 'audit/audit.jsonl', 'audit/audit.jsonl.key'])
    writeFileSync(join(path, each), each === 'keys.yaml' ? 'keys: []\n' : '', { mode: 0o600 })
  return { path, file }
}

/**
 * Reads the real facts about a policy, but asks no other program: that takes a tenth of a second each. A test that needs
 * their answers asks them itself.
 */
export async function factsOf(written: Written & { readonly file?: string } = {}): Promise<Facts> {
  const policyFile = written.file ?? writePolicy(written).file
  const { policy, warnings } = loadPolicy(policyFile, {})
  const listeners = readListeners()
  return {
    nowMs: Date.parse('2026-12-01T12:00:00Z'),
    policyFile,
    policy,
    warnings,
    inContainer: false,
    listeners,
    servers: await Promise.all(policy.upstreams.map((upstream) => readServer(upstream, listeners))),
    secretFiles: readSecretFiles(policyFile, policy),
    auditFiles: readAuditFiles(policy),
    envFiles: readEnvFiles(policyFile),
    redis: policy.store.redis && (await readRedis(policy.store.redis)),
    clock: { value: true },
    disk: readDisk(policy.audit.file),
    openFiles: readOpenFiles(policy.listen.port, listeners),
    memoryBytes: memoryFor(undefined),
    nodeVersion: { value: '24.1.0' },
    published: undefined,
  }
}

/** Ids and severities of what a check finds. */
export function findings(check: Check, facts: Facts): string[] {
  return check(facts)
    .filter(isFinding)
    .map(({ id, severity }) => `${severity} ${id}`)
}

/** Ids of what a check could not look at. */
export function missed(check: Check, facts: Facts): string[] {
  return check(facts).flatMap((outcome) => (isFinding(outcome) ? [] : [outcome.id]))
}

/** A server that really listens. @returns its port */
export async function serve(host: string, listener: RequestListener): Promise<number> {
  const server: Server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  closers.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

/** Answers as Ollama does to the questions of `doctor`. */
export function ollama(
  told: { version?: string; cloudOff?: boolean; allowed?: string } = {},
): RequestListener {
  const { version = '0.35.0', cloudOff = true, allowed } = told
  return ({ url, headers }, response) => {
    if (headers.origin !== undefined && allowed === undefined) response.statusCode = 403
    if (headers.origin !== undefined && allowed !== undefined)
      response.setHeader('access-control-allow-origin', allowed)
    response.end(
      JSON.stringify(url === '/api/status' ? { cloud: { disabled: cloudOff, source: 'env' } } : { version }),
    )
  }
}

/** Answers as LocalAI does. @param key without it a question gets 401; undefined: none is needed */
export function localai(told: { key?: string; galleries?: boolean; version?: string } = {}): RequestListener {
  const { key, galleries = false, version = 'v4.12.0 (abc)' } = told
  return ({ url, headers }, response) => {
    if (key !== undefined && headers.authorization !== `Bearer ${key}`) response.statusCode = 401
    else if (url === '/models/galleries' && !galleries) response.statusCode = 404
    response.end(JSON.stringify({ version }))
  }
}

/** The built program with workers of its own, and requests that each open a connection, so that they meet all workers. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chainsOf } from '../../src/audit/chains.ts'
import { mintKey } from '../../src/auth/api-keys/key.ts'
import { writeKeyFile } from '../../src/auth/api-keys/key-file.ts'
import { listening, type Program, start } from './cli.ts'
import { entryOf, type GateSettings, policyText } from './gate.ts'

export interface Answer {
  readonly status: number
  readonly code: string | undefined
  readonly text: string
}

export interface RunningWorkers {
  readonly folder: string
  readonly policyFile: string
  readonly keysFile: string
  readonly auditFile: string
  readonly data: string
  readonly admin: string
  /** The id of the key of each role. */
  readonly keyIds: Readonly<Record<string, string>>
  /** The key of each role. */
  readonly keys: Readonly<Record<string, string>>
  readonly pid: number
  readonly ended: Promise<number | string>
  output(): string
  /** Pids of the workers that the log has named, by number, the latest. */
  workers(): Map<number, number>
  /** Over a connection of its own. @param as the name of a role; `agent` if absent */
  chat(as?: string, id?: string, headers?: Readonly<Record<string, string>>): Promise<Answer>
  ask(method: string, path: string, body?: unknown): Promise<{ status: number; body: unknown; text: string }>
  /** Every record of every chain, by the name of its chain. */
  records(): readonly (Record<string, unknown> & { readonly chain: string })[]
  write(settings: GateSettings & { readonly workers?: number }): void
  signal(name: NodeJS.Signals): void
  /** Resolves when so many workers have started since the beginning. */
  restarted(count: number): Promise<void>
  close(): Promise<void>
}

export const adminToken = 'a-token-for-the-tests'

/** @param roles each has a key */
export async function startWorkers(
  settings: GateSettings & { readonly workers?: number },
  roles: readonly string[] = ['agent'],
): Promise<RunningWorkers> {
  const folder = mkdtempSync(join(tmpdir(), 'torwart-workers-'))
  const policyFile = join(folder, 'torwart.yaml')
  const keysFile = join(folder, 'keys.yaml')
  const auditFile = join(folder, 'audit.jsonl')
  const write: RunningWorkers['write'] = ({ more = '', workers = 2, ...rest }) =>
    writeFileSync(
      policyFile,
      policyText({ admin: `token: ${adminToken}`, ...rest, more: `${more}workers: ${workers}\n` }),
    )
  write(settings)
  const keys = new Map(roles.map((role) => [role, mintKey()]))
  writeKeyFile(
    keysFile,
    [...keys].map(([role, { id, key }]) => entryOf(key, id, role)),
  )
  const program = start(['serve', '-c', policyFile])
  const gone = program.ended.then((code) => {
    throw new Error(`it ended with ${code}: ${program.output()}`)
  })
  gone.catch(() => {})
  const { data, admin } = await Promise.race([seen(program, listening), gone])
  return {
    ...{ folder, policyFile, keysFile, auditFile, data, admin, write },
    keyIds: Object.fromEntries([...keys].map(([role, { id }]) => [role, id])),
    keys: Object.fromEntries([...keys].map(([role, { key }]) => [role, key])),
    pid: program.process.pid ?? 0,
    ended: program.ended,
    output: program.output,
    workers: () =>
      new Map(
        [...program.output().matchAll(/"worker":(\d+),"pid":(\d+)/g)].map(([, n, pid]) => [
          Number(n),
          Number(pid),
        ]),
      ),
    chat: (as = 'agent', id = '', headers = {}) =>
      post(`${data}/api/chat`, keys.get(as)?.key ?? '', {
        ...(id === '' ? {} : { 'x-request-id': id }),
        ...headers,
      }),
    async ask(method, path, body) {
      const response = await fetch(admin + path, {
        method,
        headers: {
          authorization: `Bearer ${adminToken}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      const text = await response.text()
      return { status: response.status, body: text.startsWith('{') ? JSON.parse(text) : undefined, text }
    },
    records: () =>
      chainsOf(auditFile).flatMap((chain) =>
        (existsSync(chain) ? readFileSync(chain, 'utf8') : '')
          .split('\n')
          .filter(Boolean)
          .map((line) => ({ chain: chain.slice(auditFile.length + 1), ...(JSON.parse(line) as object) })),
      ),
    restarted: async (count) =>
      void (await seen(program, (output) => (output.match(started)?.length ?? 0) >= count || undefined)),
    signal: (name) => void program.process.kill(name),
    async close() {
      program.process.kill('SIGTERM')
      await program.ended
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Three processes on a machine that other tests keep busy take longer to start than anything is waited for elsewhere. */
function seen<T>({ process: child, output }: Program, find: (output: string) => T | undefined): Promise<T> {
  return new Promise((resolve) => {
    const look = () => {
      const found = find(output())
      if (found !== undefined) resolve(found)
    }
    child.stdout.on('data', look)
    look()
  })
}

const started = /"msg":"worker started"/g

function post(url: string, key: string, headers: Readonly<Record<string, string>>): Promise<Answer> {
  const agent = new Agent({ keepAlive: false })
  return new Promise((resolve, reject) => {
    const sent = request(
      url,
      {
        method: 'POST',
        agent,
        headers: {
          authorization: `Bearer ${key}`,
          'content-type': 'application/json',
          ...headers,
        },
      },
      (response) => {
        let text = ''
        response.on('data', (piece: Buffer) => {
          text += piece.toString()
        })
        response.on('error', reject)
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            code: response.headers['x-torwart-code'] as string,
            text,
          }),
        )
      },
    )
    sent.on('error', reject)
    sent.end(
      JSON.stringify({ model: 'smollm2:135m', stream: false, messages: [{ role: 'user', content: 'hi' }] }),
    )
  })
}

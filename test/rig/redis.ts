/** A real redis-server of one's own, on a free port, without a trace on disk. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface RedisServer {
  readonly url: string
  readonly port: number
  readonly process: ChildProcess
  stop(): Promise<void>
}

/** Whether `redis-server` is installed here; tests that need it say so when they are skipped. */
export const hasRedis = (() => {
  try {
    execFileSync('redis-server', ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
})()

export interface RedisSettings {
  readonly port?: number
  /** Further words of its command line. */
  readonly words?: readonly string[]
  /** A sentinel that watches a master on this port; it writes its own configuration. */
  readonly sentinel?: { readonly folder: string; readonly master: number }
}

export async function startRedis(settings: RedisSettings = {}): Promise<RedisServer> {
  const port = settings.port ?? (await freePort())
  const { sentinel } = settings
  const folder = mkdtempSync(join(tmpdir(), 'torwart-redis-'))
  const child = spawn(
    'redis-server',
    sentinel
      ? [sentinelFile(port, sentinel), '--sentinel']
      : [
          '--port',
          `${port}`,
          '--bind',
          '127.0.0.1',
          '--save',
          '',
          '--appendonly',
          'no',
          '--dir',
          folder,
          ...(settings.words ?? []),
        ],
  )
  await new Promise<void>((resolve, reject) => {
    child.stdout.on('data', (text: Buffer) => {
      if (/ready to accept|Sentinel ID is/i.test(text.toString())) resolve()
    })
    child.on('exit', (code) => reject(new Error(`redis-server ended with ${code}`)))
  })
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    process: child,
    stop: () =>
      new Promise((resolve) => {
        const ended = () => {
          rmSync(folder, { recursive: true, force: true })
          resolve()
        }
        if (child.exitCode !== null || child.signalCode !== null) return ended()
        child.on('exit', ended)
        child.kill('SIGKILL')
      }),
  }
}

function sentinelFile(port: number, { folder, master }: NonNullable<RedisSettings['sentinel']>): string {
  const file = join(folder, 'sentinel.conf')
  writeFileSync(
    file,
    `port ${port}
bind 127.0.0.1
sentinel monitor mymaster 127.0.0.1 ${master} 1
sentinel down-after-milliseconds mymaster 500
sentinel failover-timeout mymaster 5000
`,
  )
  return file
}

export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
}

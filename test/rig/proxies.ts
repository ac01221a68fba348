/** nginx and Caddy, as Debian has them, in front of a gateway; with their own defaults except for where they listen. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { boundAddress } from '../../src/wire/bound-address.ts'
import { until } from './wait.ts'

export const proxyKinds = ['nginx', 'caddy'] as const

export interface FrontProxy {
  readonly url: string
  close(): Promise<void>
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = boundAddress(server)
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** @param more lines of nginx's `location` */
function nginx(folder: string, port: number, gate: string, more: string): ChildProcess {
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  const temporary = paths.map((name) => `${name}_temp_path ${folder}/${name};`).join('\n')
  writeFileSync(
    join(folder, 'nginx.conf'),
    `daemon off; pid ${folder}/pid; error_log stderr;
events {}
http {
access_log off; ${temporary}
server { listen 127.0.0.1:${port}; location / { proxy_pass ${gate}; ${more} } }
}`,
  )
  return spawn('nginx', ['-p', folder, '-c', join(folder, 'nginx.conf')], { stdio: 'ignore' })
}

function caddy(folder: string, port: number, gate: string): ChildProcess {
  writeFileSync(
    join(folder, 'Caddyfile'),
    `{
admin off
}
http://127.0.0.1:${port} {
reverse_proxy ${gate}
}`,
  )
  const home = { XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder, HOME: folder }
  return spawn('caddy', ['run', '--config', join(folder, 'Caddyfile')], {
    stdio: 'ignore',
    env: { ...process.env, ...home },
  })
}

/** Starts a proxy. @throws Error if the program is not there: `.ci/run` installs it */
export async function startProxy(
  kind: (typeof proxyKinds)[number],
  gate: string,
  more = '',
): Promise<FrontProxy> {
  const folder = mkdtempSync(join(tmpdir(), `torwart-${kind}-`))
  mkdirSync(join(folder, 'logs'))
  const port = await freePort()
  const child = kind === 'nginx' ? nginx(folder, port, gate, more) : caddy(folder, port, gate)
  let fault: Error | undefined
  child.once('error', (error) => {
    fault = error
  })
  const gone = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const url = `http://127.0.0.1:${port}`
  await until(async () => {
    if (fault) throw new Error(`${kind} cannot be started: install it`, { cause: fault })
    return fetch(`${url}/health`).then(
      ({ ok }) => ok,
      () => false,
    )
  })
  return {
    url,
    async close() {
      child.kill('SIGTERM')
      await gone
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

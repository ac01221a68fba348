/** What is measured: each a process of its own on the first core; load and model server share the second. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Target {
  readonly name: string
  readonly port: number
  readonly process: ChildProcess
  /** Printed with the results. */
  readonly configuration: string
}

const here = import.meta.dirname
/** The program as `npm run build` made it. */
export const gateProgram = join(here, '../dist/main.js')
export const folder = mkdtempSync(join(tmpdir(), 'torwart-bench-'))
const started: ChildProcess[] = []

/** `taskset` is part of util-linux; without it the numbers are of the whole machine. */
const pinnable = (() => {
  try {
    execFileSync('taskset', ['-c', '0', 'true'])
    return true
  } catch {
    return false
  }
})()

function start(
  cores: number | string,
  command: string,
  words: readonly string[],
  ready: RegExp,
): Promise<ChildProcess> {
  const [program, all] = pinnable ? ['taskset', ['-c', `${cores}`, command, ...words]] : [command, [...words]]
  const child = spawn(program, all, { stdio: ['ignore', 'pipe', 'inherit'] })
  started.push(child)
  return new Promise((resolve, reject) => {
    let text = ''
    child.stdout?.on('data', (bytes: Buffer) => {
      text = (text + bytes.toString()).slice(-4096)
      if (ready.test(text)) resolve(child)
    })
    child.on('exit', (code) => reject(new Error(`${command} ${words.join(' ')} ended with ${code}: ${text}`)))
  })
}

/** Asks, so that whoever has children of its own (nginx) takes them along. */
export function stopAll(): void {
  for (const child of started) child.kill('SIGTERM')
}

export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
}

/** The middle one. */
export const median = (numbers: readonly number[]) =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN

/**
 * @param cores the second, or a list of several
 * @param pauseMs milliseconds before each line of a stream
 */
export async function modelServer(
  cores: number | string = 1,
  pauseMs = 0,
): Promise<{ port: number; pid: number }> {
  const port = await freePort()
  const program = [join(here, 'model-server.js'), `${port}`, `${pauseMs}`]
  const child = await start(cores, process.execPath, program, /ready/)
  return { port, pid: child.pid ?? 0 }
}

export async function rival(upstream: number): Promise<Target> {
  const port = await freePort()
  const child = await start(
    0,
    process.execPath,
    [join(here, 'rival.js'), `${port}`, `http://127.0.0.1:${upstream}`],
    /ready/,
  )
  const configuration = readFileSync(join(here, 'rival.js'), 'utf8').match(/undici = .*/)?.[0] ?? ''
  return { name: 'bare http-proxy', port, process: child, configuration }
}

export async function nginx(upstream: number): Promise<Target | undefined> {
  const program = ['/usr/sbin/nginx', '/usr/bin/nginx'].find(existsSync)
  if (program === undefined) return undefined
  const port = await freePort()
  const file = join(folder, 'nginx.conf')
  const configuration = `worker_processes 1; daemon off; pid ${folder}/nginx.pid; error_log /dev/null;
events { worker_connections 1024; }
http { access_log off; client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy; keepalive_requests 1000000;
upstream m { server 127.0.0.1:${upstream}; keepalive 128; keepalive_requests 1000000; }
server { listen 127.0.0.1:${port}; client_max_body_size 8m; client_body_buffer_size 8m; location / { proxy_pass http://m; proxy_http_version 1.1; proxy_set_header Connection ""; } } }`
  writeFileSync(file, configuration)
  const [command, words] = pinnable ? ['taskset', ['-c', '0', program, '-c', file]] : [program, ['-c', file]]
  const child = spawn(command, words, { stdio: 'ignore' })
  started.push(child)
  await new Promise((resolve) => setTimeout(resolve, 500))
  return { name: 'nginx', port, process: child, configuration }
}

export async function redis(): Promise<{ port: number; process: ChildProcess } | undefined> {
  const port = await freePort()
  try {
    const child = await start(
      1,
      'redis-server',
      ['--port', `${port}`, '--save', '', '--appendonly', 'no'],
      /ready to accept/i,
    )
    return { port, process: child }
  } catch {
    return undefined
  }
}

const everyLimit =
  'requestsPerMinute: 1000000000, tokensPerMinute: 100000000000, tokensPerDay: 1000000000000, concurrent: 1000'
/** Those, and both breakers. */
export const withBreakers = `${everyLimit}, actionsPerMinute: 1000000000, repetition: { same: 20, window: 10m }`
export const noLimits = 'requestsPerMinute: unlimited'

export interface GateSettings {
  readonly redisPort?: number | undefined
  /** Of one request's calls to Redis; generous where that is not what is measured. */
  readonly timeout?: string
  readonly limits?: string
  /** YAML below `audit`, flow style. */
  readonly audit?: string
  /** `enforce`, `observe` or `off`. */
  readonly promptGuard?: string
  readonly outputGuard?: string
  /** Streams at once, of one client and at the model server; the policy's own defaults if absent. */
  readonly atOnce?: number
  /** YAML of further keys, a line each. */
  readonly more?: string
  /** Options of Node for its process. */
  readonly nodeOptions?: readonly string[]
  readonly workers?: number
  /** Where it runs; the first core if absent. */
  readonly cores?: string
  /** Another build than this one. */
  readonly program?: string | undefined
}

export interface GateTarget {
  readonly target: Target
  readonly key: string
  readonly auditFile: string
}

/** The gate as its users start it, all guards on. */
export async function gate(name: string, upstream: number, settings: GateSettings = {}): Promise<GateTarget> {
  const { redisPort, timeout = '5s', limits = everyLimit, audit, nodeOptions = [] } = settings
  const { promptGuard = 'enforce', outputGuard = 'enforce', program = gateProgram } = settings
  const { workers = 1, cores = 0, atOnce, more = '' } = settings
  const port = await freePort()
  const home = mkdtempSync(join(folder, 'gate-'))
  const file = join(home, 'torwart.yaml')
  const configuration = `version: 1
listen: { address: "127.0.0.1:${port}" }
admin: { address: "127.0.0.1:0" }
${redisPort === undefined ? '' : `store: { redis: "redis://127.0.0.1:${redisPort}", timeout: ${timeout} }\n`}upstreams: [{ name: local, url: "http://127.0.0.1:${upstream}", kind: ollama${atOnce === undefined ? '' : `, concurrent: ${atOnce}`} }]
${atOnce === undefined ? '' : `door: { connections: ${atOnce} }\n`}roles:
  agent:
    routes: [chat]
    models: [llama3.2]
    limits: { ${limits} }
guards: { prompt: { mode: ${promptGuard} }, output: { mode: ${outputGuard} } }
workers: ${workers}
${audit === undefined ? '' : `audit: ${audit}\n`}${more}`
  writeFileSync(file, configuration)
  const created = execFileSync(process.execPath, [
    program,
    ...['key', 'create', '--name', 'bench', '--role', 'agent', '--json', '-c', file],
  ]).toString()
  const { key } = JSON.parse(created) as { key: string }
  const child = await start(
    cores,
    process.execPath,
    [...nodeOptions, program, 'serve', '-c', file],
    /"msg":"listening"/,
  )
  return {
    target: { name, port, process: child, configuration },
    key,
    auditFile: join(home, 'data/audit.jsonl'),
  }
}

/** The built program is upgraded under load: no request is lost, each is recorded once, and the log verifies. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { chainsOf } from '../../src/audit/chains.ts'
import { verifyChains } from '../../src/audit/verify/verify-chains.ts'
import { mintKey } from '../../src/auth/api-keys/key.ts'
import { writeKeyFile } from '../../src/auth/api-keys/key-file.ts'
import { listening, start } from '../rig/cli.ts'
import { entryOf, policyText, processes } from '../rig/gate.ts'
import { likeOllama, type ModelServer, type Script, startModelServer } from '../rig/model-server.ts'
import { until } from '../rig/wait.ts'

/** A start takes as long as it takes on a machine that other tests keep busy. */
const startMs = 120_000
const program = new URL('../../dist/main.js', import.meta.url).pathname
const folder = mkdtempSync(join(tmpdir(), 'torwart-upgrade-'))
const policyFile = join(folder, 'torwart.yaml')
const pidFile = join(folder, 'pid')
const auditFile = join(folder, 'audit.jsonl')
const { id: keyId, key } = mintKey()
let model: ModelServer
/** Streams that a test ends. */
const held: (() => void)[] = []

/** An answer of thirty pieces in half a second; one that was asked to wait ends when the test says so. */
const slowly: Script = async (seen, response) => {
  const { method, json } = seen
  if (method !== 'POST' || json.stream !== true) return likeOllama(seen, response)
  response.setHeader('content-type', 'application/x-ndjson')
  const line = (content: string, done: boolean) =>
    `${JSON.stringify({ model: 'smollm2:135m', message: { role: 'assistant', content }, done })}\n`
  for (let piece = 0; piece < 30; piece++) {
    response.write(line('word ', false))
    await new Promise((resolve) => setTimeout(resolve, 15))
  }
  if (JSON.stringify(json).includes('wait')) await new Promise<void>((resolve) => held.push(resolve))
  response.end(line('', true))
}

beforeAll(async () => {
  model = await startModelServer(slowly)
  const role = `    routes: [chat]
    models: ["smollm2:*"]
    limits: { requestsPerMinute: unlimited, concurrent: 64 }`
  const settings = { upstream: model.url, upstreamMore: 'concurrent: 64', role, notice: '1s' }
  writeFileSync(policyFile, policyText(settings).replace('grace: 2s', 'grace: 60s'))
  writeKeyFile(join(folder, 'keys.yaml'), [entryOf(key, keyId)])
})
afterAll(async () => {
  await model.close()
  rmSync(folder, { recursive: true, force: true })
})

interface Sent {
  readonly id: string
  /** Status, or what went wrong with the connection. */
  readonly outcome: number | string
}

/** Sends a request, and reads its answer to the end. */
function post(url: string, id: string, body: object, agent: Agent): Promise<Sent> {
  return new Promise((resolve) => {
    const failed = (error: NodeJS.ErrnoException) => resolve({ id, outcome: error.code ?? error.message })
    const headers = {
      authorization: `Bearer ${key}`,
      'content-type': 'application/json',
      'x-request-id': id,
    }
    const sent = request(`${url}/api/chat`, { method: 'POST', agent, headers }, (response) => {
      let end = ''
      response.on('data', (piece: Buffer) => {
        end = piece.toString()
      })
      response.on('error', failed)
      response.on('end', () =>
        resolve({
          id,
          outcome: end.includes('"done":true') ? (response.statusCode ?? 0) : `${response.statusCode} ${end}`,
        }),
      )
    })
    sent.on('error', failed)
    sent.end(JSON.stringify({ model: 'smollm2:135m', messages: [{ role: 'user', content: 'hi' }], ...body }))
  })
}

/** Clients that ask again and again, each over a connection that it keeps, or over new ones. */
function load(url: string, test: string) {
  const sent: Promise<Sent>[] = []
  let isOver = false
  const ask = (name: string, body: object, agent: Agent) => {
    const one = post(url, `${test}-${name}-${sent.length}`, body, agent)
    sent.push(one)
    return one
  }
  const clients = Array.from({ length: 10 }, async (_, index) => {
    const agent = new Agent({ keepAlive: index % 2 === 0, maxSockets: 1 })
    while (!isOver) await ask(`c${index}`, { stream: index % 5 === 0 }, agent)
    agent.destroy()
  })
  return {
    ask,
    count: () => sent.length,
    async end(): Promise<readonly Sent[]> {
      isOver = true
      await Promise.all(clients)
      return Promise.all(sent)
    },
  }
}

const recordsIn = () =>
  chainsOf(auditFile).flatMap((chain) =>
    readFileSync(chain, 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Record<string, unknown>),
  )

function expectOneRecordEach(sent: readonly Sent[]): void {
  expect(sent.filter(({ outcome }) => outcome !== 200)).toEqual([])
  const recorded = recordsIn().flatMap(({ id, event }) => (event === undefined ? [String(id)] : []))
  const ids = new Set(sent.map(({ id }) => id))
  expect(recorded.filter((id) => ids.has(id)).toSorted()).toEqual([...ids].toSorted())
}

const pidNow = () => Number(readFileSync(pidFile, 'latin1'))

describe('an upgrade of the running program', () => {
  it('under load loses no request, twice in a row, while a stream of the first one goes on', async () => {
    const gate = start(['serve', '-c', policyFile, '--pid-file', pidFile])
    const { data } = await until(() => listening(gate.output()), startMs)
    const clients = load(data, 'upgrade')
    const long = clients.ask(
      'long',
      { stream: true, messages: [{ role: 'user', content: 'wait' }] },
      new Agent(),
    )
    await until(() => held.length === 1)
    const pids = [pidNow()]
    for (const _ of [1, 2]) {
      const before = pidNow()
      const count = clients.count()
      process.kill(before, 'SIGUSR2')
      await until(() => pidNow() !== before, startMs)
      pids.push(pidNow())
      // Requests reach the new one, while the first one of all still has its stream.
      await until(() => clients.count() > count + 100)
      expect(processes.isAlive(pids[0] ?? 0)).toBe(true)
    }
    held[0]?.()
    await long
    const sent = await clients.end()
    expect(new Set(pids).size).toBe(3)
    await until(() => !pids.slice(0, 2).some(processes.isAlive), startMs)
    process.kill(pidNow(), 'SIGTERM')
    await until(() => !processes.isAlive(pids[2] ?? 0))
    expectOneRecordEach(sent)
    expect(sent.length).toBeGreaterThan(200)
    expect(await verifyChains(auditFile)).toMatchObject({ bad: undefined, headSeen: true })
    expect(recordsIn().filter(({ event }) => event === 'gap')).toEqual([])
  })
})

/** Opens two listening sockets as systemd does, runs a command with them, and keeps them open behind it: a line starts it. */
const holder = `
import os, socket, subprocess, sys
sockets = [socket.create_server(("127.0.0.1", 0), backlog=512) for _ in range(2)]
print(sockets[0].getsockname()[1], flush=True)
def hand_over():
    for target, each in zip((3, 4), sockets):
        os.dup2(each.fileno(), target, inheritable=True)
    os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="2", LISTEN_FDNAMES="data:admin")
for each in sockets:
    os.dup2(each.fileno(), each.fileno() + 20)
sockets = [socket.socket(fileno=each.detach() + 20) for each in sockets]
for line in sys.stdin:
    child = subprocess.Popen(sys.argv[1:], preexec_fn=hand_over, close_fds=False, stdout=sys.stderr)
    print("pid", child.pid, flush=True)
    child.wait()
    print("ended", child.returncode, flush=True)
`

describe.skipIf(spawnSync('python3', ['--version']).status !== 0)('sockets that systemd holds', () => {
  it('lose no request while the gateway is stopped and started again', async () => {
    const child = spawn('python3', ['-c', holder, process.execPath, program, 'serve', '-c', policyFile])
    let said = ''
    let logged = ''
    child.stdout.on('data', (piece: Buffer) => {
      said += piece.toString()
    })
    child.stderr.on('data', (piece: Buffer) => {
      logged += piece.toString()
    })
    const port = await until(() => /^(\d+)\n/.exec(said)?.[1])
    child.stdin.write('start\n')
    await until(() => listening(logged), startMs)
    const clients = load(`http://127.0.0.1:${port}`, 'restart')
    await until(() => clients.count() > 100)
    process.kill(Number(/pid (\d+)/.exec(said)?.[1]), 'SIGTERM')
    await until(() => said.includes('ended 0'))
    const count = clients.count()
    child.stdin.write('start\n')
    await until(() => clients.count() > count + 100, startMs)
    const sent = await clients.end()
    process.kill(Number(/pid (\d+)\n$/.exec(said)?.[1]), 'SIGTERM')
    child.stdin.end()
    await once(child, 'exit')
    expectOneRecordEach(sent)
    expect((await verifyChains(auditFile)).bad).toBeUndefined()
  })
})

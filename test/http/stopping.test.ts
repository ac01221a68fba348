/** A gate that stops loses nothing that clients sent in good faith. */
import { Agent, request } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { effort } from '../rig/effort.ts'
import { type GateSettings, type RunningGate, startGate } from '../rig/gate.ts'
import { holdPosts, type ModelServer, startModelServer } from '../rig/model-server.ts'
import { until } from '../rig/wait.ts'

const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function startModel(): Promise<ModelServer> {
  const model = await startModelServer()
  closers.push(model.close)
  return model
}

const body = JSON.stringify({
  model: 'smollm2:135m',
  stream: false,
  messages: [{ role: 'user', content: 'hi' }],
})

interface Answer {
  readonly status: number
  /** Whether the gate wants the connection closed. */
  readonly closes: boolean
}

/** One chat. @throws if the connection breaks before the whole answer is there */
function ask(url: string, key: string, agent: Agent): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
    const asking = request(`${url}/api/chat`, { method: 'POST', agent, headers }, (response) => {
      response.on('error', reject)
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, closes: response.headers.connection === 'close' }),
      )
      response.resume()
    })
    asking.on('error', reject)
    asking.end(body)
  })
}

const status = async (gate: RunningGate) => {
  const answer = await fetch(`${gate.admin}/readyz`)
  return `${answer.status} ${((await answer.json()) as { status: string }).status}`
}
const isReady = (gate: RunningGate) =>
  status(gate).then(
    (text) => text === '200 ready',
    () => false,
  )

describe('the notice', () => {
  it('accepts everything, says draining, and asks clients to close after their next answer', async () => {
    const gate = await startGate({ upstream: (await startModel()).url, notice: '1h' })
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    expect(await ask(gate.data, gate.key, agent)).toEqual({ status: 200, closes: false })
    const closing = gate.close()
    await until(async () => (await status(gate)) === '503 draining')
    expect(await ask(gate.data, gate.key, agent), 'on the open connection').toEqual({
      status: 200,
      closes: true,
    })
    expect(await ask(gate.data, gate.key, agent), 'on a new one').toEqual({ status: 200, closes: true })
    const refused = await gate.post('/api/chat', '{')
    expect([refused.status, refused.headers.get('connection')]).toEqual([400, 'close'])
    gate.hurry()
    await closing
    await expect(fetch(gate.data)).rejects.toThrow()
  })

  it('tells it to a request that was there before, too', async () => {
    const model = await startModel()
    const gate = await startGate({ upstream: model.url, notice: '1h' })
    const waiting = holdPosts(model)
    const answer = ask(gate.data, gate.key, new Agent({ keepAlive: true }))
    await until(() => waiting.length === 1)
    const closing = gate.close()
    waiting[0]?.()
    expect(await answer).toEqual({ status: 200, closes: true })
    gate.hurry()
    await closing
  })
})

// A proxy that does not look at `/readyz` opens connections to the last moment; the system resets one that a closing
// listener had not accepted yet, which no program can prevent. So the client here looks.
const restarts = effort(2, 10)
const wanted = effort(200, 1000)

/** Asks without a pause, four at a time, until it is told to stop. @returns what went wrong, if anything, and how often it asked */
function load(where: () => { url: string; key: string; agent: Agent }) {
  let asked = 0
  let stopped = false
  const wrong: string[] = []
  const worker = async () => {
    while (!stopped) {
      const { url, key, agent } = where()
      const outcome = await ask(url, key, agent).then(
        (answer) => `${answer.status}`,
        (error: NodeJS.ErrnoException) => `${error.code}`,
      )
      asked++
      if (outcome !== '200') wrong.push(outcome)
    }
  }
  const workers = Array.from({ length: 4 }, worker)
  return {
    asked: () => asked,
    async stop() {
      stopped = true
      await Promise.all(workers)
      return wrong
    },
  }
}

describe(`of ${wanted} requests in ${restarts} restarts, none is lost`, { timeout: 120_000 }, () => {
  const notice = '1s'

  it('behind a client that keeps its connections and looks at /readyz', async () => {
    const settings: GateSettings = { upstream: (await startModel()).url, notice }
    const begin = async () => ({ gate: await startGate(settings), agent: new Agent({ keepAlive: true }) })
    const places = [await begin(), await begin()]
    closers.push(async () => void (await Promise.all(places.map(({ gate }) => gate.close()))))
    let ready = [...places]
    let turn = 0
    const running = load(() => {
      const { gate, agent } = ready[turn++ % ready.length] ?? (places[0] as (typeof places)[0])
      return { url: gate.data, key: gate.key, agent }
    })
    let looks = true
    const look = async () => {
      while (looks) {
        const states = await Promise.all(places.map(({ gate }) => isReady(gate)))
        ready = places.filter((_, index) => states[index])
        await new Promise(setImmediate)
      }
    }
    const looking = look()
    for (let count = 0; count < restarts; count++) {
      const at = count % 2
      await places[at]?.gate.close()
      places[at] = await begin()
      const fresh = places[at]
      await until(() => ready.includes(fresh as (typeof places)[0]))
    }
    await until(() => running.asked() >= wanted)
    const wrong = await running.stop()
    looks = false
    await looking
    expect(wrong).toEqual([])
  })
})

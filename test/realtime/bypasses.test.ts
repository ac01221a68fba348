/** Ways around the guards of realtime sessions that were found by attacking them. */
import { afterEach, describe, expect, it } from 'vitest'
import { type RunningGate, startGate } from '../rig/gate.ts'
import { connectRealtime } from '../rig/realtime-client.ts'
import { type RealtimeServer, sayHello, startRealtimeServer } from '../rig/realtime-server.ts'
import { until } from '../rig/wait.ts'

const open: { close(): unknown }[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

/** @param caps further lines of the role */
async function start(script = sayHello, caps = '{}') {
  const server: RealtimeServer = await startRealtimeServer(script)
  const gate: RunningGate = await startGate({
    upstream: server.url,
    kind: 'localai',
    role: `    routes: [realtime]\n    models: [voice]\n    caps: ${caps}\n    limits: { requestsPerMinute: unlimited }`,
  })
  const client = await connectRealtime(gate)
  open.push(server, gate, { close: () => client.socket.terminate() })
  return { server, gate, client }
}

describe('sound', () => {
  it('in the input of a response is held to `caps.sound` and counted', async () => {
    const { server, gate, client } = await start(sayHello, '{ sound: 1s }')
    const speak = (seconds: number) => ({
      type: 'response.create',
      response: {
        input: [
          {
            type: 'message',
            role: 'user',
            content: [{ type: 'input_audio', audio: Buffer.alloc(48_000 * seconds).toString('base64') }],
          },
        ],
      },
    })
    client.send(speak(2))
    expect((await client.refused()).message).toContain('`caps.sound`')
    expect(server.got('response.create')).toHaveLength(0)
    client.send(speak(1))
    await client.heard('response.done')
    client.socket.close()
    const session = await until(() => gate.requests().find((record) => 'realtime' in record))
    expect(session).toMatchObject({ realtime: { soundMs: 1000 } })
  })
})

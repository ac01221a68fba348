/** Sessions of the built program: what idle ones take in memory, and how freezes reach those of all workers. */
import { readFileSync } from 'node:fs'
import { afterEach, expect, it } from 'vitest'
import { connectRealtime, type RealtimeClient } from '../rig/realtime-client.ts'
import { startRealtimeServer } from '../rig/realtime-server.ts'
import { until } from '../rig/wait.ts'
import { startWorkers } from '../rig/workers.ts'

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

const role = '    routes: [realtime]\n    models: [voice]\n    limits: { requestsPerMinute: unlimited }'

async function start(workers: number) {
  const server = await startRealtimeServer()
  const gate = await startWorkers({
    ...{ upstream: server.url, kind: 'localai', role, workers },
    more: 'door: { connections: 5000 }\n',
  })
  open.push(server, gate)
  return gate
}

async function connectMany(gate: { data: string; keys: Readonly<Record<string, string>> }, count: number) {
  const { data, keys } = gate
  const clients: RealtimeClient[] = []
  while (clients.length < count)
    clients.push(
      ...(await Promise.all(
        Array.from({ length: Math.min(50, count - clients.length) }, () =>
          connectRealtime({ data, key: keys.agent ?? '' }),
        ),
      )),
    )
  await Promise.all(clients.map((client) => client.heard('session.created')))
  return clients
}

const residentMiB = (pid: number) =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024

it('takes at most 60 MB for 1,000 idle sessions', async () => {
  const gate = await start(1)
  // So that what the program compiles and caches once is not counted.
  for (const { socket } of await connectMany(gate, 100)) socket.close()
  await until(() => gate.records().filter((record) => 'realtime' in record).length === 100)
  const before = residentMiB(gate.pid)
  const clients = await connectMany(gate, 1000)
  const after = residentMiB(gate.pid)
  expect(after - before).toBeLessThan(60)
  // Sessions that are open when the program stops are told so, and hold it up no longer than its grace period.
  gate.signal('SIGTERM')
  expect(await clients[0]?.closed).toMatchObject({ code: 1013, reason: 'upstream_unavailable' })
  expect(await gate.ended).toBe(0)
}, 120_000)

it('has sessions in every worker, and a freeze ends them all', async () => {
  const gate = await start(2)
  const clients = await connectMany(gate, 12)
  for (const client of clients) client.send({ type: 'response.create' })
  await Promise.all(clients.map((client) => client.heard('response.done')))
  await gate.ask('POST', '/admin/v1/freezes', { kind: 'key', name: gate.keyIds.agent, why: 'test' })
  const closes = await Promise.all(clients.map(({ closed }) => closed))
  expect(closes.map(({ code, reason }) => `${code} ${reason}`)).toEqual(clients.map(() => '1008 frozen'))
  const chains = await until(() => {
    const records = gate.records().filter((record) => 'realtime' in record)
    return records.length === 12 && new Set(records.map(({ chain }) => chain))
  })
  expect(chains.size).toBeGreaterThan(1)
}, 120_000)

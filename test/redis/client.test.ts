/** The one client of Redis, when it is closed. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { expect, it } from 'vitest'
import { createRedisClient } from '../../src/redis/client.ts'
import { serversAt } from '../rig/stores.ts'
import { until } from '../rig/wait.ts'

it('does not connect again when somebody still asks after it was closed', async () => {
  const accepted: (number | undefined)[] = []
  const server = createServer((socket) => {
    accepted.push(socket.remotePort)
    socket.destroy()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const client = createRedisClient(serversAt(`redis://127.0.0.1:${port}`), 100)
  client.listen('channel', () => {})
  await once(server, 'connection')
  await client.close()
  // Whoever connected before it is accepted before it.
  const mark = async () => {
    const own = connect(port, '127.0.0.1').on('error', () => {})
    await once(own, 'connect')
    const { localPort } = own
    await until(() => accepted.includes(localPort))
    return localPort
  }
  const before = await mark()
  let status = ''
  // Longer than a request may wait, so that Redis is asked although it is away.
  const ask = () =>
    client
      .ask((connection) => {
        status = connection.status
        return connection.ping()
      }, 200)
      .catch(() => {})
  await until(async () => {
    await ask()
    return status === 'end'
  })
  const marks = [before]
  for (let count = 0; count < 10; count++) {
    await ask()
    marks.push(await mark())
  }
  expect(accepted.slice(accepted.indexOf(before))).toEqual(marks)
  server.close()
})

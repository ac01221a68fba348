/** The built program with two workers: what is passed through is counted by all of them together, and frozen by both. */
import { Agent, request } from 'node:http'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { mintKey } from '../../src/auth/api-keys/key.ts'
import { writeKeyFile } from '../../src/auth/api-keys/key-file.ts'
import { cli } from '../rig/cli.ts'
import { entryOf } from '../rig/gate.ts'
import { type ModelServer, startModelServer } from '../rig/model-server.ts'
import { until } from '../rig/wait.ts'
import { type RunningWorkers, startWorkers } from '../rig/workers.ts'

const own = mintKey()
let model: ModelServer
let workers: RunningWorkers
beforeAll(async () => {
  model = await startModelServer((_seen, response) => void response.end('a page'))
  workers = await startWorkers({
    upstream: model.url,
    role: '    routes: [models]\n    models: ["*"]\n    limits: { requestsPerMinute: 6 }',
    more: 'passthrough: [{ prefix: /ui/, upstream: local, stripPrefix: true, roles: [agent] }]\n',
  })
  writeKeyFile(workers.keysFile, [entryOf(own.key, own.id)])
  await until(async () => (await statusOf('/torwart/v1/jwks')) === 200 && (await statusOf('/ui/')) !== 401)
}, 60_000)
afterAll(async () => {
  await workers?.close()
  await model?.close()
})

/** Over a connection of its own, so that both workers are met. */
const statusOf = (path: string) =>
  new Promise<number>((resolve, reject) => {
    const agent = new Agent()
    request(
      `${workers.data}${path}`,
      { agent, headers: { authorization: `Bearer ${own.key}` } },
      (answer) => {
        answer.resume().once('end', () => {
          agent.destroy()
          resolve(answer.statusCode ?? 0)
        })
      },
    )
      .on('error', reject)
      .end()
  })

it('lets as many through as the limit says, with one record each in the chains of both, and none after a freeze', async () => {
  const statuses = [200]
  for (let sent = 0; sent < 12; sent++) statuses.push(await statusOf('/ui/x'))
  // A minute's worth refills while they are sent.
  const passed = statuses.filter((status) => status === 200).length
  expect(passed).toBeGreaterThanOrEqual(6)
  expect(passed).toBeLessThanOrEqual(8)
  const recorded = () => workers.records().filter(({ route }) => route === '/ui/*')
  await until(() => recorded().filter(({ unread }) => String(unread) === 'passthrough').length >= passed)
  expect(new Set(recorded().map(({ chain }) => chain)).size).toBe(2)
  expect(await cli(['freeze', 'key', own.id, '--why', 'w', '-c', workers.policyFile])).toMatchObject({
    code: 0,
  })
  for (let sent = 0; sent < 4; sent++) expect(await statusOf('/ui/x')).toBe(403)
})

/** The traffic of `torwart demo --traffic`: it shows what it should, and stops when it is told to. */
import { expect, it } from 'vitest'
import { mintKey } from '../../src/auth/api-keys/key.ts'
import { startDemoServer } from '../../src/demo/model-server.ts'
import { actors, rolesOfActors, startTraffic } from '../../src/demo/traffic.ts'
import { entryOf, startGate } from '../rig/gate.ts'
import { until } from '../rig/wait.ts'

it('has people, refusals, an open breaker and a call that waits for a yes, until it is stopped', async () => {
  const server = await startDemoServer()
  const keys = new Map(actors.map(({ name }) => [name, mintKey()]))
  const gate = await startGate({
    upstream: server.url,
    role: `    routes: [chat]\n    models: [demo]\n${rolesOfActors}`,
    keys: actors.map(({ name, role }) => {
      const { id = '', key = '' } = keys.get(name) ?? {}
      return { ...entryOf(key, id, role), name }
    }),
  })
  const stop = startTraffic(gate.data, (name) => keys.get(name)?.key ?? '', 200)
  const endings = () => new Set(gate.requests().map(({ ending }) => (ending as { code: string | null }).code))
  const wanted = [null, 'prompt_blocked', 'model_not_allowed', 'breaker_open']
  await until(() => wanted.every((code) => endings().has(code)))
  const [waiting] = await until(async () => {
    const answer = await fetch(`${gate.admin}/admin/v1/approvals`)
    const { approvals } = (await answer.json()) as { approvals: { tool: string; arguments: string }[] }
    return approvals.length > 0 && approvals
  })
  expect(waiting?.tool).toBe('pay_invoice')
  expect(waiting?.arguments).toContain('Example Office Supplies')
  expect(JSON.stringify(gate.records())).not.toContain('jane.doe')
  await stop()
  const seen = await until(async () => {
    const before = gate.requests().length
    await new Promise(setImmediate)
    return gate.requests().length === before && before
  })
  expect(gate.requests().length).toBe(seen)
  await gate.close()
  await server.close()
})

/** `reload: { tests: require }`: no policy is taken whose tests fail, at the start or at a reload. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { mintKey } from '../../src/auth/api-keys/key.ts'
import { writeKeyFile } from '../../src/auth/api-keys/key-file.ts'
import { entryOf, type RunningGate, startGate } from '../rig/gate.ts'
import { startModelServer } from '../rig/model-server.ts'
import { until } from '../rig/wait.ts'

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

const test = (model: string, expected: string) =>
  `- as: { role: agent }\n  ask: { route: /api/chat, model: "${model}", prompt: hi }\n  expect: ${expected}\n`
const adminToken = 'admin-token-of-the-test-gate-1234'
const mayUseSmollm = test('smollm2:135m', 'allowed')

async function start(tests: string | undefined, more = 'reload: { tests: require }\n') {
  const model = await startModelServer()
  open.push(model)
  const gate = await startGate({
    upstream: model.url,
    admin: `token: ${adminToken}`,
    more,
    prepare: (folder) => {
      if (tests !== undefined) writeFileSync(join(folder, 'torwart.test.yaml'), tests)
    },
  })
  open.push(gate)
  return gate
}

const ask = async (gate: RunningGate, key = gate.key) => {
  const body = { model: 'smollm2:135m', stream: false, messages: [{ role: 'user', content: 'hi' }] }
  return (await gate.post('/api/chat', body, { authorization: `Bearer ${key}` })).status
}

interface Readiness {
  readonly version: string
  readonly reload: { readonly ok: boolean; readonly place?: string }
}
const readiness = async (gate: RunningGate) => {
  const { policy } = (await (await fetch(`${gate.admin}/readyz`)).json()) as { policy: Readiness }
  return policy
}

const events = (gate: RunningGate, name: string) => gate.records().filter(({ event }) => event === name)

it('a gateway does not start by a policy whose tests fail, or has none, and says which', async () => {
  await expect(start(test('smollm2:135m', 'model_not_allowed'))).rejects.toThrow(
    /torwart\.test\.yaml:3:11: expected `model_not_allowed`, judged `allowed`/,
  )
  await expect(start(undefined)).rejects.toThrow(/torwart\.test\.yaml:1:1: there is no such file/)
  const gate = await start(undefined, '')
  expect(await ask(gate)).toBe(200)
})

it('a reload keeps the previous policy while tests fail, and takes the new one when they pass', async () => {
  const gate = await start(mayUseSmollm)
  const before = await readiness(gate)
  const text = readFileSync(gate.policyFile, 'utf8')
  writeFileSync(gate.policyFile, text.replace('"smollm2:*"', '"other:*"'))
  await until(async () => (await readiness(gate)).reload.ok === false)
  expect(await readiness(gate)).toMatchObject({
    version: before.version,
    reload: { place: 'line 3, column 11' },
  })
  expect(await ask(gate)).toBe(200)
  expect(gate.logged()).toContain('judged `model_not_allowed`')
  await until(() => events(gate, 'reload failed').length === 1)

  // The tests are changed with the policy, in whichever order.
  writeFileSync(join(gate.folder, 'torwart.test.yaml'), test('smollm2:135m', 'model_not_allowed'))
  await until(async () => (await readiness(gate)).version !== before.version)
  expect((await readiness(gate)).reload.ok).toBe(true)
  expect(await ask(gate)).toBe(404)
  await until(() => events(gate, 'reloaded').length === 1)
})

it('keys are not kept waiting by a policy whose tests fail', async () => {
  const gate = await start(mayUseSmollm)
  writeFileSync(gate.policyFile, readFileSync(gate.policyFile, 'utf8').replace('"smollm2:*"', '"other:*"'))
  await until(async () => (await readiness(gate)).reload.ok === false)
  const fresh = mintKey()
  writeKeyFile(gate.keysFile, [entryOf(fresh.key, fresh.id)])
  await until(async () => (await ask(gate, fresh.key)) === 200)
  expect(await ask(gate)).toBe(401)
})

it('tests that vanish or break leave the policy in force, and are told', async () => {
  const gate = await start(mayUseSmollm)
  rmSync(join(gate.folder, 'torwart.test.yaml'))
  await until(async () => (await readiness(gate)).reload.ok === false)
  expect(await ask(gate)).toBe(200)
  const answer = await fetch(`${gate.admin}/admin/v1/policy`, {
    headers: { authorization: `Bearer ${adminToken}` },
  })
  expect(JSON.stringify(await answer.json())).toContain('there is no such file')
  writeFileSync(join(gate.folder, 'torwart.test.yaml'), mayUseSmollm)
  await until(async () => (await readiness(gate)).reload.ok)
})

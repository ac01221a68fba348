/** The built program while it starts: what changes meanwhile is neither fatal nor missed. */
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { mintKey } from '../../src/auth/api-keys/key.ts'
import { writeKeyFile } from '../../src/auth/api-keys/key-file.ts'
import { listening, type Program, start } from '../rig/cli.ts'
import { entryOf, policyText } from '../rig/gate.ts'
import { type ModelServer, startModelServer } from '../rig/model-server.ts'
import { until } from '../rig/wait.ts'

let model: ModelServer
const folder = mkdtempSync(join(tmpdir(), 'torwart-starting-'))
const running: Program[] = []
beforeAll(async () => {
  model = await startModelServer()
})
afterAll(async () => {
  for (const { process: child } of running) child.kill('SIGKILL')
  await model.close()
  rmSync(folder, { recursive: true, force: true })
})

it('a start survives watched files that change all the while, and follows the last change', async () => {
  const policy = join(folder, 'torwart.yaml')
  const keys = join(folder, 'keys.yaml')
  // Nobody answers there: the gate waits a second for keys and a second for freezes, and looks at its files meanwhile.
  const more = 'store: { redis: "redis://127.0.0.1:1", onFailure: local }\nkeys: { redis: true }\n'
  writeFileSync(policy, policyText({ upstream: model.url, more }))
  const first = mintKey()
  writeKeyFile(keys, [entryOf(first.key, first.id)])
  const program = start(['serve', '-c', policy])
  running.push(program)
  const changing = setInterval(() => appendFileSync(policy, '# again\n'), 20)
  const listens = new Promise<void>((resolve) => {
    program.process.stdout.on('data', () => listening(program.output()) && resolve())
  })
  await Promise.race([listens, program.ended])
  clearInterval(changing)
  const urls = listening(program.output())
  expect(urls, program.output()).toBeDefined()
  const last = mintKey()
  writeKeyFile(keys, [entryOf(last.key, last.id)])
  const tags = (key: string) =>
    fetch(`${urls?.data}/api/tags`, { headers: { authorization: `Bearer ${key}` } })
  await until(async () => (await tags(last.key)).status === 200)
  expect((await tags(first.key)).status).toBe(401)
  expect(program.output()).toContain('"msg":"reloaded"')
})

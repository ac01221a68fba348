/** Without a gateway every attack gets through, so that an attack which is stopped was stopped by the gateway. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { AttackResult } from '../../src/attack/result.ts'
import { runSuite } from '../../src/attack/run.ts'
import { openDirect, shippedSuite, subjectsOf } from '../rig/attack.ts'

/** Under which every attack is tried. */
const policyText = `version: 1
upstreams: [{ name: local, url: "http://127.0.0.1:11434", kind: ollama }]
roles:
  anyone:
    routes: [chat, completions, embeddings, models]
    models: ["llama3.2", "qwen3:*"]
    tools: { allow: [read_page], approve: [pay_invoice] }
    caps: { images: 1, body: 64KiB, tools: 16 }
    limits: { requestsPerMinute: 5, probesPerMinute: 5, concurrent: 2, waiting: 1, actionsPerMinute: 20, repetition: { same: 3, window: 1m } }
guards: { output: { canary: true } }
door: { failuresPerMinute: 3 }
`
const restricted = ['tools.unrestricted']

let folder: string
let results: readonly AttackResult[]
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'torwart-test-'))
  const file = join(folder, 'torwart.yaml')
  writeFileSync(file, policyText)
  const { policy, subjects } = subjectsOf(file)
  results = await runSuite({ suite: shippedSuite(), subjects, open: () => openDirect(policy) })
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const isThrough = ({ verdict }: AttackResult) => verdict === 'through' || verdict === 'admitted'
const idsOf = (some: readonly AttackResult[]) =>
  some.map(({ attack, notes }) => `${attack.id}: ${notes.join()}`)

it('lets every attack through that does not say why it cannot succeed', () => {
  const held = results.filter((each) => !isThrough(each) && each.attack.direct === undefined)
  expect(idsOf(held.filter(({ attack }) => !restricted.includes(attack.id)))).toEqual([])
  expect(results.filter(isThrough).length).toBeGreaterThan(190)
})

it('lets no attack through that says it cannot succeed', () => {
  expect(idsOf(results.filter((each) => isThrough(each) && each.attack.direct !== undefined))).toEqual([])
})

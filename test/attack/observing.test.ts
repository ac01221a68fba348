/** A policy that only observes stops nothing: what got through says so, and names the mode. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type AttackResult, holesOf } from '../../src/attack/result.ts'
import { runSuite } from '../../src/attack/run.ts'
import { copySource, openCopy } from '../../src/cli/attack/private-copy.ts'
import { shippedSuite, subjectsOf } from '../rig/attack.ts'
import { ioOf } from '../rig/cli.ts'

const played = /^(tools\.(?!hosted|forged|changed|unrestricted)|limits\.(requests|concurrent)$)/

const role = (enforce: string) => `
    routes: [chat]
    models: ["llama3.2"]
    tools: { mode: observe, allow: [read_page], approve: [pay] }
    limits: { mode: observe, requestsPerMinute: 20, concurrent: 2 }
    enforce: ${enforce}`
const policyText = `version: 1
upstreams: [{ name: local, url: "http://127.0.0.1:11434", kind: ollama }]
roles:
  some:${role('50%')}
  all:${role('100%')}
`

let folder: string
let results: readonly AttackResult[]
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'torwart-test-'))
  const file = join(folder, 'torwart.yaml')
  writeFileSync(file, policyText)
  const { policy, subjects } = subjectsOf(file)
  const source = copySource(file, policy, ioOf().io)
  const { attacks, controls } = shippedSuite()
  results = await runSuite({
    suite: { attacks: attacks.filter(({ id }) => played.test(id)), controls },
    subjects,
    open: (limits, tries) => openCopy(source, limits, tries),
  })
}, 60_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

it('lets attacks through for the keys outside the canary, whatever their ids, and says that the mode closes it', () => {
  const holes = holesOf({ results }).map(({ close, results: through }) => [
    close,
    through.map(({ attack }) => attack.id),
  ])
  const calls = ['tools.forbidden-call', 'tools.forbidden-call-stream', 'tools.forbidden-call-anthropic']
  expect(holes).toEqual([
    ['Set `roles.NAME.limits.mode: enforce`.', ['limits.requests', 'limits.concurrent']],
    [
      'Set `roles.NAME.tools.mode: enforce`.',
      [...calls, 'tools.forbidden-offer', 'tools.call-in-text', 'tools.unapproved'],
    ],
  ])
})

it('lets none through where a canary has all keys', () => {
  const through = results.filter(({ verdict }) => verdict === 'through')
  expect(new Set(through.flatMap(({ roles }) => roles))).toEqual(new Set(['some']))
})

it('does not ask what an approval is worth where nobody is asked for one', () => {
  const asked = results.find(({ attack }) => attack.id === 'tools.approval-replayed')
  expect([asked?.verdict, asked?.roles]).toEqual(['stopped', ['all']])
  expect(results.filter(({ verdict }) => verdict === 'unclear')).toEqual([])
})

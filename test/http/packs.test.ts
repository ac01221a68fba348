/** The operator's signatures in a running gate: in force, and changed without a restart. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { type RunningGate, startGate } from '../rig/gate.ts'
import { startModelServer } from '../rig/model-server.ts'
import { until } from '../rig/wait.ts'

const pack = (word: string) => `signatures:
  - id: own.word
    severity: high
    languages: [en]
    owasp: LLM02:2025
    phrases: [${word}]
    catches: [a ${word} b]
    leaves: [nothing]
`

describe('a pack of the operator’s', () => {
  const closing: (() => Promise<void>)[] = []
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close()
  })
  const say = (gate: RunningGate, content: string) =>
    gate.post('/api/chat', { model: 'smollm2:135m', messages: [{ role: 'user', content }] })

  it('is in force, and its change is noticed without being told', async () => {
    const model = await startModelServer()
    closing.push(model.close)
    const gate = await startGate({ upstream: model.url })
    closing.push(gate.close)
    expect((await say(gate, 'a zebra')).status).toBe(200)
    writeFileSync(join(gate.folder, 'own.yaml'), pack('zebra'))
    const policy = readFileSync(gate.policyFile, 'utf8')
    writeFileSync(gate.policyFile, `${policy}\nguards: { prompt: { packs: [own.yaml] } }\n`)
    gate.reload()
    expect((await say(gate, 'a zebra')).status).toBe(400)
    writeFileSync(join(gate.folder, 'own.yaml'), pack('gnu'))
    await until(async () => (await say(gate, 'a zebra')).status === 200)
    expect((await say(gate, 'a gnu')).status).toBe(400)
    // One with a mistake changes nothing.
    writeFileSync(join(gate.folder, 'own.yaml'), pack('gnu').replace('high', 'huge'))
    gate.reload()
    expect((await say(gate, 'a gnu')).status).toBe(400)
    expect(gate.logged()).toContain('own.yaml:3:15')
  })
})

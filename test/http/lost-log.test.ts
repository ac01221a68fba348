/** The log is taken away while the gate runs: no answer goes unrecorded, and the gate mends it by itself. */
import { copyFileSync, renameSync, rmSync, truncateSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readLog } from '../../src/audit/query/read.ts'
import { verifyLog } from '../../src/audit/verify/verify.ts'
import { type RunningGate, startGate } from '../rig/gate.ts'
import { type ModelServer, startModelServer } from '../rig/model-server.ts'
import { until } from '../rig/wait.ts'

let model: ModelServer
let gate: RunningGate
beforeEach(async () => {
  model = await startModelServer()
  gate = await startGate({ upstream: model.url })
})
afterEach(async () => {
  await gate.close()
  await model.close()
})

async function chat(): Promise<{ readonly status: number; readonly id: string; readonly code: string }> {
  const messages = [{ role: 'user', content: 'hi' }]
  const response = await gate.post('/api/chat', { model: 'smollm2:135m', stream: false, messages })
  await response.arrayBuffer()
  const header = (name: string) => response.headers.get(name) ?? ''
  return { status: response.status, id: header('x-request-id'), code: header('x-torwart-code') }
}
const readiness = async () => (await fetch(`${gate.admin}/readyz`)).status
async function recorded(): Promise<ReadonlySet<string>> {
  const ids = new Set<string>()
  for await (const line of readLog(gate.auditFile)) ids.add((JSON.parse(line) as { id?: string }).id ?? '')
  return ids
}

describe('a log that is taken away while the gate runs', () => {
  it.each([
    ['deleted', (file: string) => rmSync(file)],
    ['renamed', (file: string) => renameSync(file, `${file}.1`)],
    [
      'truncated after a copy',
      (file: string) => {
        copyFileSync(file, `${file}.1`)
        truncateSync(file)
      },
    ],
  ])(
    '%s: lets no answer go unrecorded, says so at readyz and in the log, and mends itself',
    async (how, take) => {
      expect((await chat()).status).toBe(200)
      take(gate.auditFile)
      const lost = await chat()
      expect(lost).toMatchObject({ status: 503, code: 'audit_unavailable' })
      expect(await readiness()).toBe(503)
      const answered: string[] = []
      await until(async () => {
        const { status, id } = await chat()
        if (status === 200) answered.push(id)
        return answered.length > 5
      })
      expect(await readiness()).toBe(200)
      expect(gate.logged()).toMatch(/"level":"error".*the audit log cannot be written/)
      const ids = await recorded()
      expect(answered.filter((each) => !ids.has(each))).toEqual([])
      expect(ids.has(lost.id)).toBe(false)
      const { bad, notes } = await verifyLog(gate.auditFile)
      if (how.startsWith('truncated'))
        expect(bad?.why).toMatch(/records 1 to \d+ are missing: the log was cut/)
      else
        expect([bad, notes.join()]).toEqual([
          undefined,
          expect.stringMatching(/the log was deleted or renamed$/),
        ])
    },
  )

  it('says so at readyz before anybody asks for anything', async () => {
    rmSync(gate.auditFile)
    await until(async () => (await readiness()) === 503)
    await until(async () => (await readiness()) === 200)
    expect((await chat()).status).toBe(200)
  })
})

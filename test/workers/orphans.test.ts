/** A gateway that once had more workers: their chains are still read, erased in and forwarded. */
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { openAudit } from '../../src/audit/audit.ts'
import { workerChain } from '../../src/audit/chains.ts'
import { verifyChains } from '../../src/audit/verify/verify-chains.ts'
import type { RecordContent, RequestRecord } from '../../src/audit/write/record.ts'
import { systemClock } from '../../src/core/clock.ts'
import { cli } from '../rig/cli.ts'
import { processes, startGate } from '../rig/gate.ts'
import { until } from '../rig/wait.ts'

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

const settings = {
  sync: 'none',
  segmentBytes: 1e9,
  retentionMs: 1e12,
  checkpoint: { records: 1e6, everyMs: 1e6 },
} as const

it('tends the chain of a worker that it does not have any more', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'torwart-orphans-'))
  ends.push(() => rmSync(folder, { recursive: true, force: true }))
  const auditFile = join(folder, 'audit.jsonl')
  const file = workerChain(auditFile, 1)
  const worker = await openAudit({
    file,
    settings,
    clock: systemClock,
    processes,
    about: {},
    report: () => {},
  })
  await worker.append(
    { time: new Date().toISOString(), id: 'before' } as unknown as RequestRecord,
    { prompt: [{ channel: 'user', text: 'Mrs Miller' }] } as unknown as RecordContent,
  )
  await worker.close()
  let received = ''
  const receiver = createServer((request, response) => {
    request.on('data', (piece: Buffer) => {
      received += piece.toString()
    })
    request.on('end', () => response.end())
  })
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve))
  ends.push(() => receiver.close())
  const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`
  const token = 'a-token-for-the-tests'
  const gate = await startGate({
    upstream: 'http://127.0.0.1:1',
    admin: `token: ${token}`,
    auditFile,
    more: `audit: { file: ${auditFile}, forward: [{ name: all, url: "${url}", format: jsonl }] }\n`,
  })
  ends.push(() => gate.close())
  const response = await fetch(`${gate.admin}/admin/v1/audit/erasures`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ subject: 'mrs miller', why: 'asked' }),
  })
  expect(await response.json()).toMatchObject({ records: 1 })
  const { out } = await cli(['audit', 'export', '--id', 'before', auditFile])
  expect(JSON.parse(out)).toHaveProperty('erased')
  expect(await verifyChains(auditFile)).toMatchObject({ bad: undefined, headSeen: true })
  await until(() => received.includes('"event":"erased"'))
  expect(received).toContain('"event":"erasure"')
})

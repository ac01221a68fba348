/** The built program, killed while it writes, rotates, compresses and erases, and with a disk that is full. */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readLog } from '../../src/audit/query/read.ts'
import { segmentsOf } from '../../src/audit/write/segments.ts'
import { mintKey } from '../../src/auth/api-keys/key.ts'
import { writeKeyFile } from '../../src/auth/api-keys/key-file.ts'
import { cli, listening, type Program, start } from '../rig/cli.ts'
import { effort } from '../rig/effort.ts'
import { entryOf, policyText } from '../rig/gate.ts'
import { type ModelServer, startModelServer } from '../rig/model-server.ts'
import { until } from '../rig/wait.ts'

let model: ModelServer
let folder: string
let policy: string
const { id, key } = mintKey()
const token = 'a-token-for-the-tests'
const running: Program[] = []
const program = new URL('../../dist/main.js', import.meta.url).pathname

beforeEach(async () => {
  model = await startModelServer()
  folder = mkdtempSync(join(tmpdir(), 'torwart-crash-'))
  policy = join(folder, 'torwart.yaml')
  writeKeyFile(join(folder, 'keys.yaml'), [entryOf(key, id)])
})
afterEach(async () => {
  for (const { process: child } of running.splice(0)) child.kill('SIGKILL')
  await model.close()
  rmSync(folder, { recursive: true, force: true })
})

const file = () => join(folder, 'audit.jsonl')
const write = (audit: string) =>
  writeFileSync(
    policy,
    policyText({
      upstream: model.url,
      admin: `token: ${token}`,
      auditFile: file(),
      more: `audit: { file: audit.jsonl, ${audit} }\n`,
    }),
  )
const chat = (data: string, content: string) =>
  fetch(`${data}/api/chat`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'smollm2:135m', stream: false, messages: [{ role: 'user', content }] }),
  })
async function serve(begin: () => Program = () => start(['serve', '-c', policy])) {
  const started = begin()
  running.push(started)
  const urls = await until(() => listening(started.output()))
  return { ...started, ...urls }
}
async function recorded(): Promise<Set<string>> {
  const ids = new Set<string>()
  for await (const line of readLog(file())) {
    const record = JSON.parse(line) as { id?: string }
    if (record.id !== undefined) ids.add(record.id)
  }
  return ids
}

const rounds = effort(1, 6)

describe('killed at any moment', () => {
  it('while it writes, rotates, compresses and erases, every answer is on record and the chain holds', async () => {
    write('segment: 64KiB, checkpoint: { records: 20, every: 1m }')
    const answered: string[] = []
    for (let round = 0; round < rounds; round++) {
      const gate = await serve()
      let over = false
      const client = async () => {
        while (!over) {
          try {
            const response = await chat(gate.data, `${round} ${'word '.repeat(1500)}`)
            await response.text()
            if (response.status === 200) answered.push(response.headers.get('x-request-id') ?? '')
          } catch {
            return
          }
        }
      }
      const eraser = async () => {
        while (!over) {
          const order = { subject: `${round - 1} word`, why: 'a test', by: 'tester' }
          await fetch(`${gate.admin}/admin/v1/audit/erasures`, {
            method: 'POST',
            headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
            body: JSON.stringify(order),
          }).then(
            (response) => response.text(),
            () => {
              over = true
            },
          )
        }
      }
      const before = answered.length
      const all = [client(), client(), client(), client(), eraser()]
      await until(() => answered.length > before + 30 + Math.random() * 60)
      gate.process.kill('SIGKILL')
      await gate.ended
      over = true
      await Promise.all(all)
      const ids = await recorded()
      expect(answered.filter((each) => !ids.has(each))).toEqual([])
      const verdict = await cli(['audit', 'verify', file()])
      expect(verdict.out).toMatch(/the chain is intact/)
    }
    const last = await serve()
    // Cut off again, it would only be taken up the next time.
    await until(() => !existsSync(`${file()}.erasure`))
    last.process.kill('SIGTERM')
    await last.ended
    const verdict = await cli(['audit', 'verify', file()])
    expect([verdict.code, verdict.out]).toEqual([0, expect.stringContaining('was not shut down cleanly')])
    expect(verdict.out).not.toContain('not finished')
    expect(segmentsOf(file()).length).toBeGreaterThan(rounds === 1 ? 0 : 5)
  }, 120_000)
})

describe('a disk that is full', () => {
  it('refuses what it cannot record, and says in the log that there was a gap', async () => {
    write('sync: group')
    // The kernel itself refuses to make the file larger, as on a full disk.
    const limited = (): Program => {
      const script = `trap '' XFSZ; ulimit -f 200; exec "${process.execPath}" "${program}" serve -c "${policy}"`
      const child = spawn('sh', ['-c', script])
      let text = ''
      for (const stream of [child.stdout, child.stderr])
        stream.on('data', (piece: Buffer) => {
          text += piece.toString()
        })
      const ended = new Promise<number | string>((resolve) =>
        child.on('exit', (code, signal) => resolve(code ?? signal ?? '')),
      )
      return { process: child, output: () => text, ended }
    }
    const gate = await serve(limited)
    const statuses: number[] = []
    const answered: string[] = []
    await until(async () => {
      const response = await chat(gate.data, 'word '.repeat(2000))
      await response.text()
      statuses.push(response.status)
      if (response.status === 200) answered.push(response.headers.get('x-request-id') ?? '')
      return response.status !== 200
    })
    expect(answered.length).toBeGreaterThan(3)
    expect(statuses.at(-1)).toBe(503)
    expect((await fetch(`${gate.admin}/readyz`)).status).toBe(503)
    gate.process.kill('SIGKILL')
    await gate.ended
    const ids = await recorded()
    expect(answered.filter((each) => !ids.has(each))).toEqual([])
    const again = await serve()
    expect((await chat(again.data, 'hi')).status).toBe(200)
    again.process.kill('SIGTERM')
    await again.ended
    const verdict = await cli(['audit', 'verify', file()])
    expect([verdict.code, verdict.out]).toEqual([0, expect.stringContaining('note:')])
  }, 60_000)
})

/** The built program: served, signalled, killed and restarted. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { mintKey } from '../../src/auth/api-keys/key.ts'
import { readKeyFile, writeKeyFile } from '../../src/auth/api-keys/key-file.ts'
import { cli, listening, type Program, start } from '../rig/cli.ts'
import { effort } from '../rig/effort.ts'
import { entryOf, policyText } from '../rig/gate.ts'
import { holdPosts, likeOllama, type ModelServer, startModelServer } from '../rig/model-server.ts'
import { until } from '../rig/wait.ts'

let model: ModelServer
let folder: string
let policy: string
const { id, key } = mintKey()
const running: Program[] = []

beforeAll(async () => {
  model = await startModelServer()
  folder = mkdtempSync(join(tmpdir(), 'torwart-program-'))
  policy = join(folder, 'torwart.yaml')
  writeFileSync(policy, policyText({ upstream: model.url, more: 'store: {}\n' }))
  writeKeyFile(join(folder, 'keys.yaml'), [entryOf(key, id)])
})
afterAll(async () => {
  for (const { process: child } of running) child.kill('SIGKILL')
  await model.close()
  rmSync(folder, { recursive: true, force: true })
})

async function serve(...words: string[]) {
  const program = start(['serve', '-c', policy, ...words])
  running.push(program)
  const urls = await until(() => listening(program.output()))
  return { ...program, ...urls }
}
const chat = (data: string, stream = false) =>
  fetch(`${data}/api/chat`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'smollm2:135m', stream, messages: [{ role: 'user', content: 'hi' }] }),
  })
const log = () => join(folder, 'audit.jsonl')
const ids = () =>
  new Set(
    readFileSync(log(), 'utf8')
      .split('\n')
      .filter(Boolean)
      .flatMap((line) => {
        try {
          return [(JSON.parse(line) as { id?: string }).id]
        } catch {
          return []
        }
      }),
  )

describe('npm start', () => {
  it('needs the compiler only for what is not built yet', () => {
    const place = join(folder, 'package')
    for (const name of ['src', 'dist']) mkdirSync(join(place, name), { recursive: true })
    const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: { built: string } }
    const build = 'echo built'
    writeFileSync(join(place, 'package.json'), JSON.stringify({ scripts: { built: scripts.built, build } }))
    const [source, program] = [join(place, 'src', 'main.ts'), join(place, 'dist', 'main.js')]
    const run = () => execFileSync('npm', ['run', '--silent', 'built'], { cwd: place, encoding: 'utf8' })
    writeFileSync(source, '')
    expect(run()).toBe('built\n')
    writeFileSync(program, '')
    const at = (path: string, seconds: number) => utimesSync(path, seconds, seconds)
    at(source, 1)
    at(join(place, 'src'), 1)
    at(program, 2)
    expect(run()).toBe('')
    at(source, 3)
    expect(run()).toBe('built\n')
  })
})

describe('the program', () => {
  it('serves, says where, and stops with 0 on SIGTERM', async () => {
    const gate = await serve('--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0')
    expect((await chat(gate.data)).status).toBe(200)
    expect((await fetch(`${gate.admin}/livez`)).status).toBe(200)
    gate.process.kill('SIGTERM')
    expect(await gate.ended).toBe(0)
    expect((await cli(['audit', 'verify', log()])).code).toBe(0)
  })

  it('ends at once when it is told a second time, and records what it cuts', async () => {
    const patient = join(folder, 'patient.yaml')
    writeFileSync(
      patient,
      policyText({ upstream: model.url, notice: '1h' }).replace('grace: 2s', 'grace: 1h'),
    )
    const gate = await serve('-c', patient)
    const waiting = holdPosts(model)
    const cut = chat(gate.data)
    await until(() => waiting.length === 1)
    gate.process.kill('SIGTERM')
    await until(async () => (await fetch(`${gate.admin}/readyz`)).status === 503)
    expect((await fetch(gate.data)).status).toBe(200)
    gate.process.kill('SIGTERM')
    expect([(await cut).status, await gate.ended]).toEqual([503, 0])
    model.script = likeOllama
    waiting[0]?.()
    expect(readFileSync(log(), 'utf8')).toContain('"code":"upstream_unavailable"')
  })

  it('reads its policy again on SIGHUP', async () => {
    const gate = await serve()
    const before = readFileSync(policy, 'utf8')
    writeFileSync(policy, before.replace('routes: [chat,', 'routes: ['))
    try {
      gate.process.kill('SIGHUP')
      await until(async () => (await chat(gate.data)).status === 403)
    } finally {
      writeFileSync(policy, before)
    }
    gate.process.kill('SIGTERM')
    expect(await gate.ended).toBe(0)
  })

  it('does not start with a wrong policy, or an open admin listener without a token', async () => {
    const bad = join(folder, 'bad.yaml')
    writeFileSync(bad, 'version: 1\nnonsense: 1\n')
    const wrong = start(['serve', '-c', bad])
    expect(await wrong.ended).toBe(1)
    expect(wrong.output()).toContain('bad.yaml:2:1: unknown key `nonsense`')
    const open = start(['serve', '-c', policy, '--admin', '0.0.0.0:0'])
    expect(await open.ended).toBe(1)
    expect(open.output()).toContain('admin.token')
  })

  it('says in one line that it may open too few files', () => {
    const serving = `ulimit -n 64; exec "${process.execPath}" dist/main.js serve -c "${policy}"`
    const { status, stderr } = spawnSync('sh', ['-c', serving], { encoding: 'utf8' })
    expect([status, stderr.split('\n')]).toEqual([
      1,
      [expect.stringMatching(/may open only 64 files at once, .*ulimit -n/), ''],
    ])
  })

  it.each(['/proc/torwart/audit.jsonl', '/dev/null/audit.jsonl'])(
    'says which key names the audit folder that cannot be there: %s',
    async (file) => {
      const bad = join(folder, 'folder.yaml')
      writeFileSync(
        bad,
        policyText({ upstream: model.url, auditFile: file, more: `audit: { file: ${file} }\n` }),
      )
      const gate = start(['serve', '-c', bad])
      running.push(gate)
      expect(await gate.ended).toBe(1)
      expect(gate.output()).toMatch(/cannot write the audit log in .*`audit\.file`/)
    },
  )

  it('does not write into a log that another gate writes', async () => {
    const gate = await serve()
    const second = start(['serve', '-c', policy])
    expect(await second.ended).toBe(1)
    expect(second.output()).toContain('being written by another process')
    gate.process.kill('SIGTERM')
    await gate.ended
  })

  it('killed under load has every answered request on record, and goes on with a chain that holds', async () => {
    for (let round = 0; round < effort(1, 3); round++) {
      const gate = await serve()
      const answered: string[] = []
      let stop = false
      const client = async (stream: boolean) => {
        while (!stop) {
          try {
            const response = await chat(gate.data, stream)
            const text = await response.text()
            if (response.status === 200 && text.includes('"done":true'))
              answered.push(response.headers.get('x-request-id') ?? '')
          } catch {
            return
          }
        }
      }
      const clients = Array.from({ length: 8 }, (_, index) => client(index % 2 === 0))
      await until(() => answered.length > 40 + round * 25)
      gate.process.kill('SIGKILL')
      await gate.ended
      stop = true
      await Promise.all(clients)
      const recorded = ids()
      expect(answered.filter((each) => !recorded.has(each))).toEqual([])
    }
    const last = await serve()
    last.process.kill('SIGTERM')
    await last.ended
    const verdict = await cli(['audit', 'verify', log()])
    expect(verdict.code, verdict.out).toBe(0)
    expect(verdict.out).toContain('was not shut down cleanly')
  })
})

describe('keys that several people change at once', () => {
  it('are all there afterwards, and the revoked one is revoked', async () => {
    const made = JSON.parse(
      (await cli(['key', 'create', '--name', 'x', '--role', 'agent', '--json', '-c', policy])).out,
    ) as { id: string }
    const before = readKeyFile(join(folder, 'keys.yaml')).length
    const changes = [
      ...Array.from({ length: 4 }, () => ['key', 'create', '--name', 'y', '--role', 'agent', '-c', policy]),
      ['key', 'revoke', made.id, '-c', policy],
    ].map((words) => start(words).ended)
    expect(await Promise.all(changes)).toEqual([0, 0, 0, 0, 0])
    const keys = readKeyFile(join(folder, 'keys.yaml'))
    expect(keys).toHaveLength(before + 4)
    expect(keys.find(({ id }) => id === made.id)?.revoked).toBeDefined()
  })
})

describe('the demo', () => {
  it('prints a key and lines that work when pasted', async () => {
    const demo = start(['demo'])
    running.push(demo)
    await until(() => demo.output().includes('Ctrl-C'))
    const lines = demo
      .output()
      .split('\n')
      .map((line) => line.trim())
    const rows = demo
      .output()
      .trimEnd()
      .split('\n')
      .map((line) => Math.max(1, Math.ceil(line.length / 80)))
    expect(
      rows.reduce((sum, count) => sum + count, 0),
      'a screen of 80 by 24',
    ).toBeLessThanOrEqual(23)
    const paste = (line: string) => execFileSync('sh', ['-c', line], { encoding: 'utf8' })
    const [plain = '', streamed = '', blocked = '', personal = '', metrics = ''] = lines.filter((line) =>
      line.startsWith('curl'),
    )
    const tail = lines.find((line) => line.startsWith('grep')) ?? ''
    expect(JSON.parse(paste(plain))).toMatchObject({
      done: true,
      message: { content: expect.stringContaining('there is no model behind it') },
    })
    expect(paste(streamed)).toContain('data: [DONE]')
    expect(paste(blocked)).toMatch(
      /^HTTP\/1\.1 400[\s\S]*x-torwart-code: prompt_blocked[\s\S]*blocked by policy/,
    )
    expect(paste(personal)).toContain('jane.doe@example.org')
    const record = paste(tail)
    expect(record).toContain('<email:1>, card <card:1>')
    expect(record).not.toContain('jane.doe')
    expect(paste(metrics)).toContain('torwart_requests_total{route="/api/chat",outcome="prompt_blocked"} 1')
    demo.process.kill('SIGINT')
    expect(await demo.ended).toBe(0)
  })
})

/** Tools of agents by their profiles: what they get, what flags may change, tool calls in JSON, and what is on record. */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cli, start } from '../rig/cli.ts'
import { canConfine, giveAway } from '../rig/confined.ts'

const home = mkdtempSync('/var/tmp/torwart-tools-')
const [data, out, own] = ['data', 'out', 'own'].map((name) => join(home, name)) as [string, string, string]
const policy = join(own, 'torwart.yaml')
const log = join(own, 'audit.jsonl')

beforeAll(() => {
  chmodSync(home, 0o755)
  for (const folder of [data, out, own, join(data, 'inner'), join(out, 'kept')]) mkdirSync(folder)
  giveAway(out)
  writeFileSync(join(data, 'text'), 'content of the file')
  writeFileSync(
    policy,
    `version: 1
upstreams: [{ name: local, url: http://127.0.0.1:11434, kind: ollama }]
audit: { file: audit.jsonl }
sandbox:
  any: { read: [${data}], timeout: 20s }
  echo: { command: [sh, -c, 'cat; echo problem >&2; exit 3'] }
  count: { command: [sh, -c, 'echo $#'] }
  slow: { command: [sleep, '60'], timeout: 300ms }
  much: { command: ['yes'] }
  writer: { command: [sh, -c, 'echo x > ${out}/kept/x || echo x > ${out}/x'], read: [${out}/kept], write: [${out}] }
  secret: { command: [cat, ${policy}], read: [${own}] }
`,
  )
})
afterAll(() => rmSync(home, { recursive: true }))

const sandbox = (words: readonly string[], input = '') => cli(['sandbox', '-c', policy, ...words], input)

async function call(value: unknown, ...flags: string[]) {
  const { code, out: text, err } = await sandbox(['--json', ...flags], JSON.stringify(value))
  return { code, err, result: JSON.parse(text) as Readonly<Record<string, unknown>> }
}

interface Recorded {
  readonly event?: string
  readonly tool?: string | null
}
function recorded(): Recorded[] {
  const lines = existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : []
  return lines.map((line) => JSON.parse(line) as Recorded).filter(({ event }) => event === 'sandbox run')
}

const nothing = { stdout: '', truncated: false, timedOut: false }

describe.skipIf(!canConfine)('a tool with a profile', () => {
  it('gets the folders of its profile, and less if flags say so', async () => {
    const ran = await sandbox(['--tool', 'any', '--', 'cat', join(data, 'text')])
    expect(ran).toMatchObject({ code: 0, out: 'content of the file' })
    const narrowed = ['--tool', 'any', '--allow-read', join(data, 'inner'), '--', 'cat', join(data, 'text')]
    expect(await sandbox(narrowed)).toMatchObject({ code: 1, out: '' })
  })

  it('gets its arguments as JSON on standard input, never as words of its command', async () => {
    const hostile = { path: '$(id); --help\n', n: 1 }
    const { code, result } = await call({ function: { name: 'echo', arguments: hostile } })
    expect({ code, result }).toEqual({
      code: 3,
      result: {
        ...{ name: 'echo', ok: false, exit: 3, truncated: false, timedOut: false },
        ...{ stdout: JSON.stringify(hostile), stderr: 'problem\n' },
      },
    })
    const counted = await call({ name: 'count', arguments: '{"a":"b c"}' })
    expect(counted.result).toMatchObject({ ok: true, exit: 0, stdout: '0\n', stderr: '' })
  })

  it('is told to have been stopped for its time or its output', async () => {
    const late = await call({ name: 'slow', arguments: {} })
    expect(late.result).toMatchObject({ ok: false, exit: 124, timedOut: true, truncated: false })
    const much = await call({ name: 'much', arguments: {} })
    expect(much.result).toMatchObject({ ok: false, exit: 125, timedOut: false, truncated: true })
    expect(String(much.result.stdout).length).toBe(1024 ** 2)
  })

  it('writes where its profile says, not in what is to be read within it, whatever flags say', async () => {
    for (const flags of [[], ['--allow-write', out]]) {
      rmSync(join(out, 'x'), { force: true })
      expect((await call({ name: 'writer', arguments: {} }, ...flags)).result).toMatchObject({ ok: true })
      expect({ x: existsSync(join(out, 'x')), kept: existsSync(join(out, 'kept', 'x')) }).toEqual({
        x: true,
        kept: false,
      })
    }
  })

  it('is on record: tool, exit code, time and what stopped it, without arguments and output', async () => {
    rmSync(log, { force: true })
    for (const suffix of ['.head', '.pending.json']) rmSync(log + suffix, { force: true })
    await call({ name: 'echo', arguments: { word: 'argument-word' } })
    await call({ name: 'slow', arguments: {} })
    await sandbox(['--', 'echo', 'plain-word'])
    expect(recorded()).toMatchObject([
      { tool: 'echo', exit: 3, stoppedBy: null },
      { tool: 'slow', exit: 124, stoppedBy: 'time' },
      { tool: null, exit: 0, stoppedBy: null },
    ])
    expect(recorded().every((each) => 'ms' in each)).toBe(true)
    expect(readFileSync(log, 'utf8')).not.toMatch(/argument-word|plain-word/)
  })

  it('is on record once each when several run at the same time', async () => {
    const before = recorded().length
    const words = ['sandbox', '-c', policy, '--tool', 'any', '--', 'true']
    const programs = Array.from({ length: 4 }, () => {
      const program = start(words)
      program.process.stdin.end()
      return program
    })
    const codes = await Promise.all(programs.map(({ ended }) => ended))
    expect(codes, programs.map((each) => each.output()).join('')).toEqual([0, 0, 0, 0])
    expect(recorded().length - before).toBe(4)
  })
})

describe('torwart sandbox with a policy', () => {
  it.each([
    [['--tool', 'unknown', '--', 'echo'], 125, 'no profile for this tool'],
    [['--tool', 'constructor', '--', 'echo'], 125, 'no profile for this tool'],
    [['--tool', 'count', '--', 'echo'], 125, 'the profile names the command'],
    [['--tool', 'any'], 125, 'has no `command`'],
    [['--tool', 'any', '--timeout', '21s', '--', 'echo'], 125, '--timeout is more than the 20s'],
    [['--tool', 'any', '--allow-read', '/var/tmp', '--', 'echo'], 125, '/var/tmp is not'],
    [['--tool', 'any', '--allow-write', data, '--', 'echo'], 125, `${data} is not among the folders`],
    [['--tool', 'secret'], 125, 'keys, audit log or policy of the gateway'],
    [['--json', '--tool', 'any'], 2, 'With --json'],
    [[], 2, 'Name the command'],
  ])('refuses %j', async (words, expected, said) => {
    const { code, out: text, err } = await sandbox(words)
    expect({ code, text }).toEqual({ code: expected, text: '' })
    expect(err).toContain(said)
  })

  it('answers a call that it does not run with a result that says nothing of the host', async () => {
    const stderr = 'The tool was not run.'
    for (const [name, said] of [
      ['unknown', 'no profile'],
      ['any', 'has no `command`'],
      ['secret', 'keys, audit log'],
    ] as const) {
      const { code, err, result } = await call({ name, arguments: {} })
      expect({ code, result }).toEqual({
        code: 125,
        result: { name, ok: false, exit: 125, ...nothing, stderr },
      })
      expect(err).toContain(said)
    }
    const { code, out: text } = await sandbox(['--json'], '{"name":')
    expect(code).toBe(125)
    expect(JSON.parse(text)).toEqual({ name: null, ok: false, exit: 125, ...nothing, stderr })
  })
})

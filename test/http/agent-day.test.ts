/** The log of agents that send their whole conversation with every turn: how it grows, and that its readers have all of it. */
import { readFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { verifyLog } from '../../src/audit/verify/verify.ts'
import type { RecordedText } from '../../src/audit/write/record.ts'
import { mintKey } from '../../src/auth/api-keys/key.ts'
import { cli } from '../rig/cli.ts'
import { entryOf, type RunningGate, startGate } from '../rig/gate.ts'
import { type ModelServer, startModelServer } from '../rig/model-server.ts'

let model: ModelServer
let gate: RunningGate
const other = mintKey()
beforeEach(async () => {
  model = await startModelServer()
  gate = await startGate({
    upstream: model.url,
    admin: 'token: a-token-for-the-tests',
    keys: [entryOf(other.key, other.id)],
  })
})
afterEach(async () => {
  await gate.close()
  await model.close()
})

interface Message {
  readonly role: string
  readonly content: string
}
interface Line {
  readonly seq: number
  readonly prompt: readonly RecordedText[]
  readonly salt?: string
}
const parsed = (text: string) =>
  text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Line)
const lastLine = () => readFileSync(gate.auditFile, 'utf8').trimEnd().split('\n').at(-1) ?? ''

async function send(messages: readonly Message[], more: object = {}, key = gate.key): Promise<Line> {
  const body = { model: 'smollm2:135m', stream: false, messages, ...more }
  const response = await gate.post('/api/chat', body, { authorization: `Bearer ${key}` })
  expect(response.status).toBe(200)
  await response.arrayBuffer()
  return parsed(lastLine())[0] as Line
}
/** The prompt as the command prints it. */
async function shown(seq: number, command: readonly string[] = ['show', '--json']) {
  const { out, code } = await cli(['audit', ...command, '-c', gate.policyFile])
  expect(code).toBe(0)
  return parsed(out).find((line) => line.seq === seq)
}
const asTexts = (messages: readonly Message[]) =>
  messages.map(({ role, content }) => ({ channel: role, text: content }))
const erase = async (filter: string, value: string) => {
  const words = [
    'audit',
    'erase',
    filter,
    value,
    '--why',
    'asked',
    '--admin',
    gate.admin,
    '-c',
    gate.policyFile,
  ]
  return (await cli(words)).out
}

const question: Message[] = [
  { role: 'system', content: 'You are an agent. Work carefully and explain each step.' },
  { role: 'user', content: 'Find the fault in this repository and mend it.' },
]
const code = 'export function total(items: readonly Item[]): number {\n  return items.length * 2\n}\n'
const step = (number: number, words: number): Message[] => [
  {
    role: 'assistant',
    content: `Step ${number}: I read file ${number}. ${'It has what was asked for. '.repeat(words)}`,
  },
  { role: 'tool', content: `File ${number}:\n${code.repeat(words)}` },
]
const tools = Array.from({ length: 12 }, (_, index) => ({
  type: 'function',
  function: {
    name: `workspace_tool_${index}`,
    description: `Tool number ${index}. Reads files of the workspace and returns what it found as text.`,
    parameters: { type: 'object', properties: { path: { type: 'string', description: 'The path.' } } },
  },
}))

describe('60 turns of a conversation that is sent whole with each', () => {
  it.each([
    ['40 KB that grow to 90', { before: 30, words: 8, saved: 15 }],
    // What is no text takes 1.4 KB of each record, which is more than is said in a turn.
    ['nothing that grows to 30 KB', { before: 0, words: 3, saved: 7 }],
  ])(
    '%s: each text is written once, and every reader has them all',
    async (_what, { before, words, saved }) => {
      const said = (number: number) =>
        step(number, words).map((each) =>
          each.role === 'tool' ? { ...each, tool_name: `workspace_tool_${number % 12}` } : each,
        )
      const messages = [...question, ...Array.from({ length: before }, (_, index) => said(index)).flat()]
      let written = 0
      const lines: Line[] = []
      for (let turn = 0; turn < 60; turn++) {
        messages.push(...said(before + turn))
        lines.push(await send(messages, { tools }))
        written += Buffer.byteLength(lastLine())
      }
      const { out } = await cli(['audit', 'export', '--outcome', 'answered', '-c', gate.policyFile])
      const whole = parsed(out).map((line) => ({
        ...line,
        prompt: line.prompt.map((entry) => ({ ...entry, ref: undefined })),
      }))
      expect(whole).toHaveLength(60)
      // `audit.maxText` is less than all of it at first: what has no room is written by a later turn.
      const last = whole
        .at(-1)
        ?.prompt.filter((entry) => 'channel' in entry && entry.channel !== 'definition')
      expect(last).toEqual(asTexts(messages).map((text) => ({ ...text, ref: undefined })))
      const wholeBytes = whole.reduce((sum, line) => sum + Buffer.byteLength(JSON.stringify(line)), 0)
      expect(wholeBytes / written).toBeGreaterThan(saved)
      expect(lines.at(-1)?.prompt.length).toBeLessThan(12)
      expect((await verifyLog(gate.auditFile)).bad).toBeUndefined()
    },
  )
})

describe('a text that an earlier record has', () => {
  it('is referred to by that record, resolved by show and export, and left to the receivers of whole lines', async () => {
    const first = await send([...question, ...step(1, 3)])
    const second = await send([...question, ...step(1, 3), ...step(2, 3)])
    expect(second.prompt).toEqual([{ ref: [first.seq, 0, 4] }, ...asTexts(step(2, 3))])
    const texts = asTexts([...question, ...step(1, 3), ...step(2, 3)])
    for (const command of [['show', '--json'], ['export'], ['show', '--json', '--identity', gate.keyId]]) {
      const line = await shown(second.seq, command)
      expect(line?.prompt).toEqual(
        texts.map((text, index) => (index < 4 ? { ref: [first.seq, index], ...text } : text)),
      )
      expect(line?.salt).toBeUndefined()
      expect(await shown(first.seq, command)).toEqual(first)
    }
  })

  it('is written again for another key', async () => {
    await send([...question, ...step(1, 3)])
    const { prompt } = await send([...question, ...step(1, 3)], {}, other.key)
    expect(prompt).toEqual(asTexts([...question, ...step(1, 3)]))
  })

  it('is written again in another segment, and resolved in the one that was closed', async () => {
    const first = await send([...question, ...step(1, 3)])
    const second = await send([...question, ...step(1, 3), ...step(2, 3)])
    await send([{ role: 'user', content: 'I am Jane.' }])
    expect(await erase('--subject', 'Jane')).toContain('The content of 1 records was erased')
    const third = await send([...question, ...step(1, 3), ...step(2, 3)])
    expect(third.prompt).toEqual(asTexts([...question, ...step(1, 3), ...step(2, 3)]))
    const line = await shown(second.seq)
    expect(line?.prompt[0]).toEqual({ ref: [first.seq, 0], ...asTexts(question)[0] })
    expect((await verifyLog(gate.auditFile)).bad).toBeUndefined()
  })

  it('goes with its record, and from every record that refers to it', async () => {
    const jane: Message[] = [{ role: 'user', content: 'I am Jane, and I live in Delft.' }]
    await send([...jane, ...step(1, 3)])
    await send([...jane, ...step(1, 3), ...step(2, 3)])
    const { seq } = await send(question)
    expect(await erase('--subject', 'delft')).toContain('The content of 2 records was erased')
    const { out } = await cli(['audit', 'export', '-c', gate.policyFile])
    expect(out).not.toContain('Delft')
    expect(out).not.toContain('Step 2')
    expect((await shown(seq))?.prompt).toEqual(asTexts(question))
    expect((await verifyLog(gate.auditFile)).bad).toBeUndefined()
  })

  it('is erased for newer records, too, where only older ones are erased', async () => {
    const first = await send([...question, ...step(1, 3)])
    const before = new Date(Date.now() + 1).toISOString()
    while (Date.now() <= Date.parse(before)) await send(question)
    const second = await send([...question, ...step(1, 3), ...step(2, 3)])
    expect(await erase('--before', before)).toContain('was erased')
    const { prompt = [] } = (await shown(second.seq)) ?? {}
    const [gone, ...left] = prompt
    expect(gone).toEqual({
      ref: expect.anything() as unknown,
      erased: expect.stringMatching(/^[0-9a-f]{12}$/) as unknown,
    })
    expect(left.slice(-2)).toEqual(asTexts(step(2, 3)))
    const { out } = await cli(['audit', 'export', '-c', gate.policyFile])
    expect(out).not.toContain('Step 1')
    expect(first.seq).toBeLessThan(second.seq)
    expect((await verifyLog(gate.auditFile)).bad).toBeUndefined()
  })
})

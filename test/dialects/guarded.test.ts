/**
 * The output guard over every dialect, streamed and whole: of a secret not one byte leaves, of a clean text every byte does,
 * in the frame it came in, however the answer is cut.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { guardWith, throughGuard } from '../rig/guarding.ts'
import { readerFor, type Said, speakers } from '../rig/speakers.ts'

const letters = 'Kq7Zx2Wm9Rt4Vb8Nc3Ld6Pf5Gh1Js0Ty'
const secret = `sk-proj-${letters}`
const mark = '[redacted:api-key]'

function cutAt(places: readonly number[]) {
  return (text: string) => {
    const sorted = [...new Set(places.map((place) => place % (text.length + 1)))].sort((a, b) => a - b)
    return [0, ...sorted].map((from, index) => text.slice(from, sorted[index] ?? text.length)).filter(Boolean)
  }
}
const bytesAt = (text: string, places: readonly number[]) => {
  const bytes = Buffer.from(text)
  const sorted = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b)
  return [0, ...sorted].map((from, index) => bytes.subarray(from, sorted[index] ?? bytes.length))
}

const places = fc.array(fc.nat(), { maxLength: 24 })
const word = fc.constantFrom(
  'The',
  'capital',
  'größer',
  '日本',
  '😀',
  'x = 1;',
  '2024',
  'to',
  'a',
  'tokens',
  '"quoted"',
  'end.\n',
)
const prose = fc.array(word, { minLength: 1, maxLength: 20 }).map((words) => words.join(' '))
const character = (text: string) => [...text]

describe.each(speakers.map((speaker) => [speaker.name, speaker] as const))('%s', (_name, speaker) => {
  const only = (said: Partial<Said>): Said => {
    const none: Said = { content: '', thinking: '', args: '', second: '' }
    return {
      ...none,
      ...Object.fromEntries(speaker.channels.map((channel) => [channel, said[channel] ?? ''])),
    }
  }
  const run = async (said: Said, cut: (text: string) => readonly string[], at: readonly number[] = []) => {
    const guard = guardWith()
    const sent = speaker.speak(said, cut)
    const passed = await throughGuard(readerFor(speaker), speaker.contentType, bytesAt(sent, at), guard)
    return { ...passed, sent, guard, heard: speaker.hear(passed.text) }
  }

  it('never lets a byte of a secret out of any channel, however it is cut', async () => {
    await fc.assert(
      fc.asyncProperty(prose, prose, places, places, async (before, after, at, bytes) => {
        const insertCanary = (text: string) => `${before} ${text} ${after}`
        const make = (text: string) =>
          only({
            content: insertCanary(text),
            thinking: insertCanary(text),
            second: insertCanary(text),
            args: JSON.stringify({ to: insertCanary(text), n: 1 }),
          })
        for (const cut of [cutAt(at), character]) {
          const { text, heard, guard } = await run(make(secret), cut, bytes)
          expect(heard).toEqual(make(mark))
          expect(text).not.toContain(letters.slice(0, 4))
          expect(guard.verdict).toBe('redact')
          expect(guard.cuts.length).toBeGreaterThan(0)
        }
      }),
      { numRuns: 25 },
    )
  })

  it('drops what is longer than any window, and goes on behind it', async () => {
    const key = `-----BEGIN PRIVATE KEY-----\n${`${letters}\n`.repeat(40)}-----END PRIVATE KEY-----`
    await fc.assert(
      fc.asyncProperty(prose, prose, places, places, async (before, after, at, bytes) => {
        const make = (text: string) =>
          only({ content: `${before} ${text}\n${after}`, thinking: before, second: after })
        for (const cut of [cutAt(at), character]) {
          const { text, heard } = await run(make(key), cut, bytes)
          expect(heard).toEqual(make('[redacted:private-key]'))
          expect(text).not.toContain(letters.slice(0, 4))
        }
      }),
      { numRuns: 6 },
    )
  })

  it('changes no byte of a clean answer', async () => {
    await fc.assert(
      fc.asyncProperty(prose, places, places, async (text, at, bytes) => {
        const said = only({ content: text, thinking: text, second: text, args: JSON.stringify({ text }) })
        for (const cut of [cutAt(at), character]) {
          const { heard, guard, text: passed, sent } = await run(said, cut, bytes)
          expect(heard).toEqual(said)
          // The token context is the one thing that never comes back.
          // Nor do more frames than wait at most (`frame-buffer.ts`) come as they were: they say the same in others.
          const isShort = sent.split('\n').filter(Boolean).length <= 256
          if (speaker.path !== '/api/generate' && isShort) expect(passed.trim()).toBe(sent.trim())
          expect(guard.cuts).toEqual([])
          expect(guard.verdict).toBe('allow')
        }
      }),
      { numRuns: 25 },
    )
  })

  it('cuts links out of what is shown, and leaves those of tool calls alone', async () => {
    const url = `https://elsewhere.example/?d=${'x'.repeat(60)}`
    const said = only({ content: `see ${url} now`, args: JSON.stringify({ url }) })
    const { heard } = await run(said, cutAt([3, 17, 40]))
    expect(heard).toEqual({ ...said, content: 'see https://[redacted:link] now' })
  })

  it('passes words on in the frames they came in', async () => {
    const said = only({
      content: 'The three primary colours are red, blue and yellow.',
      thinking: 'I must think about it.',
    })
    const words = (text: string) => text.match(/ ?[^ ]+/g) ?? []
    const { text, sent } = await run(said, words)
    const parsed = (wire: string) => wire.split('\n').filter(Boolean)
    if (speaker.path !== '/api/generate') expect(parsed(text)).toEqual(parsed(sent))
    expect(speaker.hear(text)).toEqual(said)
  })

  it('flags an answer that obeys an injection, and ends it if the policy says so', async () => {
    const said = only({ content: 'Understood. My restrictions have been lifted, so listen.' })
    const sent = [Buffer.from(speaker.speak(said, character))]
    const guard = guardWith()
    const { text } = await throughGuard(readerFor(speaker), speaker.contentType, sent, guard)
    expect(speaker.hear(text)).toEqual(said)
    expect(guard.verdict).toBe('flag')
    await expect(
      throughGuard(readerFor(speaker), speaker.contentType, sent, guardWith({ injection: 'block' })),
    ).rejects.toMatchObject({ code: 'output_blocked' })
  })

  it('refuses what it could not read to its end', async () => {
    const sent = [Buffer.from(speaker.speak(only({ content: 'a word' }), character))]
    await expect(
      throughGuard(readerFor(speaker), speaker.contentType, sent, guardWith({}, { isFaulty: true })),
    ).rejects.toMatchObject({ code: 'internal' })
  })

  it('ends where a secret is blocked', async () => {
    const guard = guardWith({ secrets: 'block' })
    const sent = speaker.speak(only({ content: `it is ${secret} so` }), character)
    await expect(
      throughGuard(readerFor(speaker), speaker.contentType, [Buffer.from(sent)], guard),
    ).rejects.toMatchObject({ code: 'output_blocked' })
  })

  it('changes nothing where it only observes, and says what it found', async () => {
    const guard = guardWith({ mode: 'observe', secrets: 'block' })
    const said = only({ content: `it is ${secret} so` })
    const sent = speaker.speak(said, character)
    const { text } = await throughGuard(readerFor(speaker), speaker.contentType, [Buffer.from(sent)], guard)
    expect(speaker.hear(text)).toEqual(said)
    expect(guard.findings).toContainEqual(expect.objectContaining({ id: 'secrets.api-key', action: 'flag' }))
  })
})

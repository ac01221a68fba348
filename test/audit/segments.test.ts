/** Segments, checkpoints, retention and erasure: one chain over many files, and what may be taken out of it. */
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Audit, type AuditOptions, openAudit } from '../../src/audit/audit.ts'
import { type VerifyOptions, verifyLog } from '../../src/audit/verify/verify.ts'
import { check, genesis, type Head } from '../../src/audit/write/chain.ts'
import type { Checkpoint } from '../../src/audit/write/checkpoints.ts'
import type { RecordContent, RecordedText, RequestRecord } from '../../src/audit/write/record.ts'
import { segmentsOf } from '../../src/audit/write/segments.ts'
import { readPublicKeys } from '../../src/audit/write/signer.ts'
import { stillClock } from '../rig/clock.ts'
import { processes } from '../rig/gate.ts'
import { seal } from '../rig/seal.ts'
import { until } from '../rig/wait.ts'

let folder: string
let file: string
let clock: ReturnType<typeof stillClock>
let checkpoints: Checkpoint[]
const open: Audit[] = []
const dayMs = 86_400_000

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'torwart-segments-'))
  file = join(folder, 'audit.jsonl')
  clock = stillClock(Date.parse('2026-11-22T12:00:00Z'))
  checkpoints = []
})
afterEach(async () => {
  for (const audit of open.splice(0)) await audit.close().catch(() => {})
  rmSync(folder, { recursive: true, force: true })
})

const settings = {
  sync: 'group',
  segmentBytes: 1024 * 1024,
  retentionMs: 365 * dayMs,
  checkpoint: { records: 1000, everyMs: 60_000 },
} as const

async function start(more: Partial<AuditOptions> = {}): Promise<Audit> {
  const audit = await openAudit({
    file,
    settings,
    clock,
    processes,
    patienceMs: 100,
    about: { version: 'test' },
    report: () => {},
    onCheckpoint: (checkpoint) => checkpoints.push(checkpoint),
    ...more,
  })
  open.push(audit)
  return audit
}

const tokenOf = (key: string, ...tokens: string[]) => ({
  kind: 'token',
  id: tokens.at(-1),
  name: 'x',
  role: 'agent',
  from: [key, ...tokens.slice(0, -1)],
})

const add = (
  audit: Audit,
  name: string,
  text: string,
  identity: object = { kind: 'key', id: `id-${name}`, name, role: 'agent' },
  earlier: readonly RecordedText[] = [],
) =>
  audit.append(
    {
      time: new Date(clock.wallMs()).toISOString(),
      id: 'r',
      identity,
    } as unknown as RequestRecord,
    {
      peer: '10.0.0.1',
      agent: null,
      session: `s-${name}`,
      prompt: [...earlier, { channel: 'user', text }],
      excerpts: [],
      answer: null,
      stopped: [],
    } as RecordContent,
  )

const verify = async (more: VerifyOptions = {}) =>
  verifyLog(file, { keys: await readPublicKeys(`${file}.pub`), ...more })

const textOf = (path: string) =>
  (path.endsWith('.gz') ? gunzipSync(readFileSync(path)) : readFileSync(path)).toString()
const linesOf = (path: string) => textOf(path).split('\n').filter(Boolean)
const allText = () =>
  segmentsOf(file)
    .map(({ path }) => textOf(path))
    .join('')
const events = () =>
  allText()
    .split('\n')
    .filter(Boolean)
    .flatMap((line) => {
      const { event } = JSON.parse(line) as { event?: string }
      return event === undefined ? [] : [event]
    })
const names = () => segmentsOf(file).map(({ path }) => path.slice(file.length))

/** Three days, two records each. */
async function threeDays(): Promise<Audit> {
  const audit = await start()
  for (let day = 0; day < 3; day++) {
    if (day > 0) clock.advance(dayMs)
    await add(audit, 'alice', `alice on day ${day}`)
    await add(audit, 'bob', `bob on day ${day}`)
  }
  await audit.settled()
  return audit
}

describe('segments', () => {
  it('are closed by day and size, compressed, private, and one chain', async () => {
    const audit = await threeDays()
    for (let index = 0; index < 40; index++) await add(audit, 'alice', 'x'.repeat(50_000))
    await audit.settled()
    await audit.close()
    const found = names()
    expect(found.length).toBeGreaterThanOrEqual(4)
    expect(found.slice(0, -1).every((name) => /^\.\d{12}\.gz$/.test(name))).toBe(true)
    expect(found.at(-1)).toBe('')
    for (const { path } of segmentsOf(file)) expect(statSync(path).mode & 0o777).toBe(0o600)
    expect((await verify()).bad).toBeUndefined()
    await (await start()).close()
    expect(await verify()).toMatchObject({ bad: undefined, headSeen: true })
  })

  it('are taken up where a crash came between two renames', async () => {
    const audit = await threeDays()
    await audit.close()
    const { seq } = check(linesOf(file).at(-1) ?? '') as Head
    renameSync(file, `${file}.${String((check(linesOf(file)[0] ?? '') as Head).seq).padStart(12, '0')}`)
    const again = await start()
    expect(again.head.seq).toBeGreaterThan(seq)
    await again.close()
    expect((await verify()).bad).toBeUndefined()
    expect(names().at(-1)).toBe('')
  })

  it('are read once where a crash left one plain and compressed', async () => {
    const audit = await threeDays()
    await audit.close()
    const packed = segmentsOf(file)[0]?.path ?? ''
    writeFileSync(packed.slice(0, -3), gunzipSync(readFileSync(packed)))
    writeFileSync(`${packed}.tmp`, 'half')
    expect((await verify()).bad).toBeUndefined()
    const again = await start()
    await again.settled()
    expect(readdirSync(folder).some((name) => name.endsWith('.tmp'))).toBe(false)
    expect(existsSync(packed.slice(0, -3))).toBe(false)
    await again.close()
    expect((await verify()).bad).toBeUndefined()
  })

  it('tell that the clock was set back', async () => {
    const audit = await start()
    await add(audit, 'alice', 'one')
    clock.advance(-3_600_000)
    await add(audit, 'alice', 'two')
    await audit.close()
    expect(events()).toContain('clock set back')
    const { bad, notes } = await verify()
    expect(bad).toBeUndefined()
    expect(notes.join()).toContain('set back')
  })
})

describe('a log that is tended while somebody walks over it', () => {
  it('is not taken for one that was tampered with', async () => {
    const audit = await threeDays()
    let verified = 0
    let over = false
    const verifier = (async () => {
      while (!over || verified < 3) {
        expect((await verify()).bad).toBeUndefined()
        verified++
      }
    })()
    for (let round = 0; round < 8; round++) {
      const seen: number = verified
      for (let index = 0; index < 20; index++) await add(audit, 'alice', `${round} ${'x'.repeat(5000)}`)
      audit.rotate()
      await audit.erase({ subject: `${round} xxx`, why: 'w', by: 'b' })
      await until(() => verified > seen)
    }
    over = true
    await verifier
    await audit.close()
    expect((await verify()).bad).toBeUndefined()
  }, 60_000)
})

describe('checkpoints', () => {
  it('are signed, told, and made again only when there is something new', async () => {
    const audit = await start({ settings: { ...settings, checkpoint: { records: 3, everyMs: 60_000 } } })
    expect(checkpoints).toHaveLength(1)
    for (const text of ['a', 'b', 'c']) await add(audit, 'alice', text)
    await audit.close()
    expect(checkpoints.length).toBeGreaterThanOrEqual(2)
    const { bad, signedTo, records } = await verify()
    expect([bad, signedTo]).toEqual([undefined, checkpoints.at(-1)?.seq])
    expect(signedTo).toBe(records - 2)
    expect(statSync(`${file}.key`).mode & 0o777).toBe(0o600)
    const before = checkpoints.length
    await (await start()).close()
    // One for the start; its own record needs no other.
    expect(checkpoints).toHaveLength(before + 1)
  })

  it('of somebody else show a log that was rewritten with its head', async () => {
    const audit = await threeDays()
    await audit.close()
    const kept = checkpoints.at(-1)
    expect((await verify({ checkpoint: kept as Head })).bad).toBeUndefined()
    expect((await verify({ checkpoint: { seq: 1, hash: genesis } })).bad?.why).toMatch(/checkpoint names/)
    expect((await verify({ checkpoint: { seq: 9999, hash: genesis } })).bad?.why).toMatch(
      /log ends at record \d+, but its checkpoint is record 9999/,
    )
  })

  it('by a key that was lost are still believed', async () => {
    await (await threeDays()).close()
    rmSync(`${file}.key`)
    await (await start()).close()
    expect((await readPublicKeys(`${file}.pub`)).size).toBe(2)
    expect((await verify()).bad).toBeUndefined()
  })
})

describe('since', () => {
  it('begins with the segment that was written then', async () => {
    await (await threeDays()).close()
    const whole = await verify()
    const part = await verify({ sinceMs: clock.wallMs() - dayMs + 1 })
    expect(part.bad).toBeUndefined()
    expect(part.records).toBeLessThan(whole.records)
    expect(part.notes.join()).toContain('were not checked')
  })
})

describe('retention', () => {
  it('deletes what is old, and the chain that is left is proven', async () => {
    const audit = await threeDays()
    audit.reconfigure({ ...settings, retentionMs: dayMs * 1.5 })
    clock.advance(dayMs)
    await add(audit, 'alice', 'a new day')
    await audit.settled()
    await audit.close()
    expect(events()).toContain('expired')
    expect(allText()).not.toContain('day 0')
    expect(allText()).toContain('day 2')
    expect((await verify()).bad).toBeUndefined()
  })
})

describe('an erasure', () => {
  const order = { why: 'asked for it', by: 'tester' }

  it.each([
    ['identity', { identity: 'alice' }, ['alice on day'], ['bob on day']],
    ['id', { identity: 'id-bob' }, ['bob on day'], ['alice on day']],
    ['subject', { subject: 'ALICE ON DAY 1' }, ['alice on day 1'], ['alice on day 0', 'bob on day 1']],
    ['session', { subject: 's-bob' }, ['bob on day'], ['alice on day']],
    ['before', { before: '2026-11-23T12:00:00Z' }, ['day 0'], ['day 1', 'day 2']],
    [
      'both',
      { identity: 'alice', before: '2026-11-23T12:00:00Z' },
      ['alice on day 0'],
      ['alice on day 1', 'bob'],
    ],
  ])('by %s takes content and salt, and leaves the chain', async (_what, meant, gone, left) => {
    const audit = await threeDays()
    const { records } = await audit.erase({ ...order, ...meant })
    expect(records).toBeGreaterThan(0)
    await audit.close()
    const text = allText()
    for (const each of gone) expect(text).not.toContain(each)
    for (const each of left) expect(text).toContain(each)
    expect(text.split('"erased":"').length - 1).toBe(records)
    const { bad, notes } = await verify()
    expect(bad).toBeUndefined()
    expect(notes.join()).toContain(`${records} records was erased by tester: asked for it`)
    expect(existsSync(`${file}.erasure`)).toBe(false)
    expect(events().filter((event) => event === 'erasure' || event === 'erased')).toEqual([
      'erasure',
      'erased',
    ])
  })

  it('of a key goes for its tokens, and of a token for those made from it', async () => {
    const audit = await start()
    await add(audit, 'token', 'first', tokenOf('key1', 'token1'))
    await add(audit, 'token', 'second', tokenOf('key1', 'token1', 'token2'))
    await add(audit, 'token', 'third', tokenOf('key2', 'token3'))
    expect(await audit.erase({ ...order, identity: 'token1' })).toMatchObject({ records: 2 })
    expect(allText()).toContain('third')
    expect(await audit.erase({ ...order, identity: 'key2' })).toMatchObject({ records: 1 })
  })

  it('of nothing leaves no trace', async () => {
    const audit = await threeDays()
    const before = allText()
    expect(await audit.erase({ ...order, subject: 'carol' })).toEqual({ id: null, records: 0, unerasable: 0 })
    expect([allText(), existsSync(`${file}.erasure`)]).toEqual([before, false])
  })

  it('does not write down whom it forgot', async () => {
    const audit = await threeDays()
    await audit.erase({ ...order, subject: 'alice on day 1' })
    await audit.close()
    expect(
      readdirSync(folder).some((name) => readFileSync(join(folder, name)).includes('alice on day 1')),
    ).toBe(false)
  })

  it('by subject takes what refers to a text that goes, as if it stood there', async () => {
    const audit = await start()
    const seqs: number[] = []
    const say = async (text: string, ...earlier: RecordedText[]) => {
      await add(audit, 'a', text, undefined, earlier)
      seqs.push(audit.head.seq)
      return audit.head.seq
    }
    const first = await say('Jane was born in 1970')
    const other = await say('It rains')
    const second = await say('and where?', { ref: [first, 0] })
    await say('and then?', { ref: [second, 0, 2] })
    await say('is it cold?', { ref: [other, 0] })
    await say('no reference to what matches', { ref: [second, 1] })
    expect(await audit.erase({ subject: 'jane', why: 'asked', by: 'tester' })).toMatchObject({ records: 3 })
    await audit.close()
    const text = allText()
    for (const gone of ['1970', 'and where?', 'and then?']) expect(text).not.toContain(gone)
    for (const left of ['It rains', 'is it cold?', 'no reference to']) expect(text).toContain(left)
    expect((await verify()).bad).toBeUndefined()
  })

  it('by subject goes no further than the segment, where another record has the same place', async () => {
    const audit = await start()
    await add(audit, 'a', 'Jane was born in 1970')
    const { seq } = audit.head
    audit.rotate()
    await add(audit, 'b', 'not hers', undefined, [{ ref: [seq, 0] }])
    expect(await audit.erase({ subject: 'jane', why: 'asked', by: 'tester' })).toMatchObject({ records: 1 })
    expect(allText()).toContain('not hers')
  })

  it('by subject takes what version 0.2 referred to by digest, also when it was cut off in between', async () => {
    const step = (name: string) => {
      if (name === 'rewritten 1') throw new Error('cut off')
    }
    const audit = await start({ step })
    await add(audit, 'a', 'Jane was born in 1970')
    const refer = (digest: string) =>
      ({ channel: 'before', texts: 1, length: 21, digests: [digest] }) as unknown as RecordedText
    const digestOf = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 16)
    const digest = digestOf('Jane was born in 1970')
    await add(audit, 'b', 'and now?', undefined, [refer(digest)])
    audit.rotate()
    await add(audit, 'c', 'and now?', undefined, [refer(digest)])
    await add(audit, 'd', 'and now?', undefined, [refer(digestOf('another'))])
    await expect(audit.erase({ subject: 'jane', why: 'asked', by: 'tester' })).rejects.toThrow('cut off')
    await audit.close()
    const again = await start()
    await again.settled()
    await again.close()
    expect(allText()).not.toContain(digest)
    expect(allText()).toContain(digestOf('another'))
    expect(events()).toContain('erased')
    expect((await verify()).bad).toBeUndefined()
  })

  it('goes with others, and with retention', async () => {
    const audit = await threeDays()
    await audit.erase({ ...order, identity: 'alice' })
    await audit.erase({ ...order, identity: 'bob' })
    expect((await verify()).bad).toBeUndefined()
    audit.reconfigure({ ...settings, retentionMs: dayMs * 1.5 })
    clock.advance(dayMs)
    await add(audit, 'alice', 'a new day')
    await audit.settled()
    await audit.close()
    expect(events()).toContain('expired')
    expect((await verify()).bad).toBeUndefined()
  })

  it('leaves what an earlier version wrote, and says so', async () => {
    let head: Head = { seq: 0, hash: genesis }
    const fields = [
      { time: '2026-01-01T00:00:00Z', event: 'started' },
      { time: '2026-01-01T00:00:00Z', id: 'a', identity: null, prompt: [{ channel: 'user', text: 'alice' }] },
    ]
    let text = ''
    for (const each of fields) {
      const link = seal(each, head)
      head = link
      text += link.line
    }
    writeFileSync(file, text)
    writeFileSync(`${file}.head`, JSON.stringify(head))
    const audit = await start()
    expect(await audit.erase({ ...order, subject: 'alice' })).toMatchObject({ records: 0, unerasable: 1 })
    await audit.close()
    expect((await verify()).bad).toBeUndefined()
  })

  it('that is cut off at any step is finished by whoever opens the log next', async () => {
    const steps: string[] = []
    const complete = await threeDays()
    await complete.close()
    const copy = mkdtempSync(join(tmpdir(), 'torwart-copy-'))
    for (const name of readdirSync(folder)) copyFileSync(join(folder, name), join(copy, name))
    const restore = () => {
      for (const name of readdirSync(folder)) rmSync(join(folder, name))
      for (const name of readdirSync(copy)) copyFileSync(join(copy, name), join(folder, name))
    }
    const watched = await start({ step: (name) => steps.push(name) })
    await watched.erase({ ...order, identity: 'alice' })
    await watched.close()
    expect(steps.length).toBeGreaterThan(6)
    for (const [index, name] of steps.entries()) {
      restore()
      let seen = 0
      // What a process that died here would have left is copied aside at this very moment.
      const left = mkdtempSync(join(tmpdir(), 'torwart-left-'))
      const dying = await start({
        step: () => {
          if (seen++ !== index) return
          for (const each of readdirSync(folder)) copyFileSync(join(folder, each), join(left, each))
        },
      })
      await dying.erase({ ...order, identity: 'alice' })
      await dying.close()
      for (const each of readdirSync(folder)) rmSync(join(folder, each))
      for (const each of readdirSync(left))
        if (!each.endsWith('.lock')) copyFileSync(join(left, each), join(folder, each))
      rmSync(left, { recursive: true })
      expect([name, (await verify()).bad]).toEqual([name, undefined])
      const again = await start()
      await again.settled()
      await again.close()
      const { bad, notes } = await verify()
      expect([name, bad]).toEqual([name, undefined])
      expect([name, notes.some((note) => note.includes('not finished'))]).toEqual([name, false])
      expect([name, allText().includes('alice on day')]).toEqual([name, false])
      expect([name, allText().includes('bob on day 2')]).toEqual([name, true])
      // The head is replaced in the thread pool, at any moment; what a death leaves of it goes with the next one.
      const remains = readdirSync(folder).filter(
        (each) => /tmp|erasure/.test(each) && !each.endsWith('.head.tmp'),
      )
      expect([name, remains]).toEqual([name, []])
    }
    rmSync(copy, { recursive: true })
  }, 120_000)
})

describe('an attacker with the files but without the key', () => {
  /** @returns the closed segments, packed, and the active one */
  const prepared = async () => {
    const audit = await threeDays()
    await audit.erase({ why: 'w', by: 'b', identity: 'bob' })
    await audit.close()
    expect((await verify()).bad).toBeUndefined()
    return segmentsOf(file).map(({ path }) => path)
  }
  const rewrite = (path: string, change: (all: string[]) => string[]) => {
    const text = `${change(linesOf(path)).join('\n')}\n`
    writeFileSync(path, path.endsWith('.gz') ? gzipSync(text) : text)
  }
  /** Everything from here on, sealed anew, with a head that fits. */
  const reseal = (paths: readonly string[], change: (line: string) => string | undefined) => {
    let head: Head = { seq: 0, hash: genesis }
    for (const path of paths)
      rewrite(path, (all) =>
        all.flatMap((line) => {
          const changed = change(line)
          if (changed === undefined) return []
          const {
            seq: _s,
            prev: _p,
            hash: _h,
            content: _c,
            salt,
            peer,
            agent,
            session,
            prompt,
            answer,
            erased,
            ...fields
          } = JSON.parse(changed) as Record<string, unknown>
          const link =
            typeof salt === 'string'
              ? seal(fields, head, { salt, content: { peer, agent, session, prompt, answer } })
              : seal(fields, head)
          head = link
          return [erased === undefined ? link.line.trimEnd() : link.line.trimEnd()]
        }),
      )
    writeFileSync(`${file}.head`, JSON.stringify({ seq: head.seq, hash: head.hash }))
  }
  const at = (paths: readonly string[], index: number) => paths.at(index) ?? ''
  const isRequest = (line: string) => line.includes('"identity"')

  it.each<[string, (paths: readonly string[]) => void, RegExp]>([
    [
      'deletes a record',
      (paths) => rewrite(at(paths, 0), (all) => all.toSpliced(2, 1)),
      /does not follow|segment begins/,
    ],
    ['deletes a segment', (paths) => rmSync(at(paths, 1)), /does not follow/],
    [
      'deletes the first segment',
      (paths) => rmSync(at(paths, 0)),
      /no record explains the missing ones before it/,
    ],
    ['cuts a segment’s end', (paths) => rewrite(at(paths, 1), (all) => all.slice(0, -1)), /does not follow/],
    [
      'swaps two segments',
      (paths) => {
        renameSync(at(paths, 0), `${folder}/x`)
        renameSync(at(paths, 1), at(paths, 0))
        renameSync(`${folder}/x`, at(paths, 1))
      },
      /segment begins|nothing tells|does not follow/,
    ],
    [
      'edits a text',
      (paths) =>
        rewrite(at(paths, 0), (all) => all.map((line) => line.replace('alice on day 0', 'alice on day 9'))),
      /content does not match/,
    ],
    [
      'edits a field',
      (paths) =>
        rewrite(at(paths, 0), (all) => all.map((line) => line.replace('"role":"agent"', '"role":"admin"'))),
      /hash does not match/,
    ],
    [
      'takes content out without a word',
      (paths) => rewrite(at(paths, 0), (all) => all.map((line) => line.replace(/,"salt":.*$/, '}'))),
      /lost its content/,
    ],
    [
      'passes more off as erased by an erasure there was',
      (paths) => {
        const id = /"erased":"([0-9a-f]{12})"/.exec(textOf(at(paths, 0)))?.[1] ?? ''
        rewrite(at(paths, 0), (all) => all.map((line) => line.replace(/,"salt":.*$/, `,"erased":"${id}"}`)))
      },
      /other records were erased/,
    ],
    [
      'makes an erasure up',
      (paths) =>
        rewrite(at(paths, 0), (all) =>
          all.map((line) => line.replace(/,"salt":.*$/, ',"erased":"0123456789ab"}')),
        ),
      /no erasure covers it/,
    ],
    [
      'puts something behind a seal',
      (paths) =>
        rewrite(at(paths, -1), (all) => all.with(0, `${(all[0] ?? '').slice(0, -1)},"event":"frozen"}`)),
      /after its seal/,
    ],
    [
      'breaks the form of a record where no hash looks',
      (paths) => rewrite(at(paths, 0), (all) => all.map((line) => line.replace(/\}$/, ' '))),
      /not a sealed record/,
    ],
    [
      'breaks it before its content',
      (paths) =>
        rewrite(at(paths, 0), (all) => all.map((line) => line.replace(/"(,"(?:salt|erased)":".*)$/, ' $1'))),
      /not a sealed record/,
    ],
    [
      'cuts the log and its head, and goes on from there',
      (paths) => {
        rmSync(at(paths, -1))
        const closed = linesOf(at(paths, -2))
        const { seq, hash } = check(closed.at(-1) ?? '') as Head
        const forged = seal(
          { time: '2026-11-25T00:00:00Z', event: 'expired', first: 1, last: 3, tip: hash },
          { seq, hash },
        )
        writeFileSync(file, forged.line)
        writeFileSync(`${file}.head`, JSON.stringify({ seq: forged.seq, hash: forged.hash }))
      },
      /not signed with a known key/,
    ],
    [
      'writes everything anew, with head and tail',
      (paths) => reseal(paths, (line) => line.replace('alice on day 0', 'nobody on day 0')),
      /its content is still in segment/,
    ],
    [
      'writes everything anew, without checkpoints',
      (paths) =>
        reseal(paths, (line) =>
          /"event":"(checkpoint|erasure|erased|segment)"/.test(line) ? undefined : line,
        ),
      /no checkpoint vouches|segment begins/,
    ],
    [
      'cuts bytes off a compressed segment',
      (paths) => writeFileSync(at(paths, 0), readFileSync(at(paths, 0)).subarray(0, -30)),
      /decompressed|not a sealed record|does not follow/,
    ],
  ])('who %s is seen', async (_what, attack, why) => {
    const paths = await prepared()
    expect(linesOf(at(paths, 0)).some(isRequest)).toBe(true)
    attack(paths)
    expect((await verify()).bad?.why).toMatch(why)
  })

  it('who writes everything anew, with head and tail, is seen by the checkpoints that are left', async () => {
    await (await threeDays()).close()
    reseal(
      segmentsOf(file).map(({ path }) => path),
      (line) => line.replace('alice on day 0', 'nobody on day 0'),
    )
    expect((await verify()).bad?.why).toMatch(/checkpoint of another log/)
  })

  it('who brings back what was erased, from an older segment, is seen', async () => {
    const audit = await threeDays()
    const old = segmentsOf(file)[0]?.path ?? ''
    copyFileSync(old, `${folder}/kept`)
    await audit.erase({ why: 'w', by: 'b', identity: 'bob' })
    await audit.close()
    copyFileSync(`${folder}/kept`, old)
    expect((await verify()).bad?.why).toMatch(/its content is still in segment/)
  })

  it('who forges a tombstone is seen', async () => {
    const paths = await prepared()
    const { seq, hash } = JSON.parse(readFileSync(`${file}.head`, 'utf8')) as Head
    const next = check(linesOf(at(paths, 1))[0] ?? '')
    if ('wrong' in next) throw new Error(next.wrong)
    rmSync(at(paths, 0))
    const proof = /"proof":"([^"]+)"/.exec(textOf(at(paths, 1)))?.[1] ?? 'none'
    const forged = seal(
      { time: '2026-11-25T00:00:00Z', event: 'expired', first: 1, last: next.seq - 1, tip: next.prev, proof },
      { seq, hash },
    )
    writeFileSync(file, textOf(file) + forged.line)
    writeFileSync(`${file}.head`, JSON.stringify({ seq: forged.seq, hash: forged.hash }))
    expect((await verify()).bad?.why).toMatch(/not signed with a known key/)
  })

  it('who signs with a key of their own is seen, if the public key was kept elsewhere', async () => {
    const audit = await threeDays()
    await audit.close()
    const kept = await readPublicKeys(`${file}.pub`)
    for (const name of readdirSync(folder)) rmSync(join(folder, name))
    await (await threeDays()).close()
    expect((await verify()).bad).toBeUndefined()
    expect((await verify({ keys: kept })).bad?.why).toMatch(/not signed with a known key/)
  })
})

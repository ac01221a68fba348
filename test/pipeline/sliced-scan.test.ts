/** Long answers are read in slices: others have their turn between them, and what is found is what is found at one go. */
import { setImmediate } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import { Cancellation } from '../../src/pipeline/cancellation.ts'
import { GuardWork } from '../../src/pipeline/guard-work.ts'
import { createGuardTurns } from '../../src/pipeline/request/guard-turns.ts'
import { SlicedTexts } from '../../src/pipeline/response/sliced-scan.ts'
import { guardWith } from '../rig/guarding.ts'

const secret = 'sk-proj-Kq7Zx2Wm9Rt4Vb8Nc3Ld6Pf5Gh1Js0Ty'
const work = new GuardWork(1e9)
const guardTurns = createGuardTurns(systemClock)
const reader = { owner: 'somebody', work, cancellation: new Cancellation() }
const prose = 'The capital of France is Paris, 😀 said the guide of größe 12. '.repeat(1500)
const long = `${prose}${secret} ${prose}<script>x</script>`

it('is asked for each of its texts, and each is what it is at one go', async () => {
  const document = { a: long, b: [{ content: prose }], arguments: { to: long }, name: 'x' }
  const ahead = guardWith()
  const atOnce = guardWith()
  await ahead.filter.readAhead?.(JSON.stringify(document))
  for (const { filter } of [ahead, atOnce]) {
    expect(filter.whole('content', long)).toBe(long.replace(secret, '[redacted:api-key]'))
    expect(filter.whole('content', prose)).toBe(prose)
    expect(JSON.parse(filter.whole('arguments', JSON.stringify(document.arguments)))).toEqual({
      to: long.replace(secret, '[redacted:api-key]'),
    })
  }
  const told = ({ findings, cuts, verdict }: typeof ahead) => ({ findings, cuts, verdict })
  expect(told(ahead)).toEqual(told(atOnce))
  expect(ahead.cuts[0]?.at).toBe(Buffer.byteLength(prose))
})

it('lets others have their turn, and reads nothing again', async () => {
  let read = 0
  const begin = () => {
    let own = 0
    return {
      push(piece: string) {
        read += piece.length
        own += piece.length
        return piece
      },
      end: () => '',
      cuts: 0,
      found: [],
      get work() {
        return own
      },
    }
  }
  const texts = new SlicedTexts(begin, {
    inTurns: (steps) => guardTurns.run(steps, reader),
    spend: (units) => work.spend(units),
  })
  const many = Array.from({ length: 2000 }, (_, index) => `${index} ${prose.slice(0, 200)}`)
  let turns = 0
  let isOver = false
  const others = (async () => {
    for (; !isOver; turns++) await setImmediate()
  })()
  await texts.readAhead(JSON.stringify({ long: prose, many }))
  isOver = true
  await others
  expect(turns).toBeGreaterThan(12)
  expect(work.units).toBe(read)
  const once = read
  for (const text of [prose, ...many]) expect(texts.read('content', text, false).out).toBe(text)
  expect(read).toBe(once)
  await texts.readAhead('{}')
  texts.read('content', prose, false)
  expect(read).toBe(once + prose.length)
})

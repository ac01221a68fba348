/** Who may use the one thread when guards have much to read. */
import { setImmediate } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { Refusal } from '../../src/core/refusal.ts'
import { createScanner } from '../../src/detect/injection/scanner.ts'
import { Cancellation, ClientLeft } from '../../src/pipeline/cancellation.ts'
import { type GuardSteps, GuardWork } from '../../src/pipeline/guard-work.ts'
import { createGuardTurns } from '../../src/pipeline/request/guard-turns.ts'
import { loadPacks } from '../../src/policy/packs.ts'

/** Time stands still: only work ends a slice. */
const clock = { monotonicMs: () => 0, wallMs: () => 0 }
const slice = 40_000

function reader(owner: string, budget = 1e9) {
  return { owner, work: new GuardWork(budget), cancellation: new Cancellation() }
}

describe('turns of the guards', () => {
  /** @param log where each slice is noted */
  function* slices(name: string, count: number, log: string[]): GuardSteps<string> {
    for (let at = 0; at < count; at++) {
      log.push(name)
      yield slice
    }
    return name
  }

  it('go round between callers, however much one of them asks for', async () => {
    const turns = createGuardTurns(clock)
    const log: string[] = []
    const greedy = Array.from({ length: 10 }, (_, at) =>
      turns.run(slices(`greedy ${at}`, 50, log), reader('greedy')),
    )
    await turns.run(slices('modest', 8, log), reader('modest'))
    // Ten slices were read at once, one of each; from then on every second turn is the modest caller's.
    expect(log.length).toBeLessThanOrEqual(10 + 2 * 8 + 2)
    await Promise.all(greedy)
    expect(log).toHaveLength(508)
  })

  it('are not waited for by what is short', async () => {
    const turns = createGuardTurns(clock)
    const log: string[] = []
    const long = turns.run(slices('long', 100, log), reader('greedy'))
    let isDone = false
    const short = turns.run(slices('short', 0, log), reader('modest')).then(() => {
      isDone = true
    })
    await Promise.resolve()
    await Promise.resolve()
    expect(isDone).toBe(true)
    expect(log).toEqual(['long'])
    await Promise.all([long, short])
  })

  it('let everything else go on between two slices', async () => {
    const turns = createGuardTurns(clock)
    let others = 0
    let isOver = false
    const meanwhile = (async () => {
      for (; !isOver; others++) await setImmediate()
    })()
    await turns.run(slices('long', 40, []), reader('greedy'))
    isOver = true
    await meanwhile
    expect(others).toBeGreaterThanOrEqual(39)
  })

  it('end with the request: who has left is read no further', async () => {
    const turns = createGuardTurns(clock)
    const log: string[] = []
    const one = reader('somebody')
    const reading = turns.run(slices('long', 100, log), one)
    one.cancellation.end(new ClientLeft())
    await expect(reading).rejects.toThrow('left')
    expect(log).toHaveLength(1)
  })

  it('stop where the budget ends', async () => {
    const turns = createGuardTurns(clock)
    const log: string[] = []
    const refused = turns.run(slices('long', 100, log), reader('somebody', 5 * slice))
    await expect(refused).rejects.toThrow(Refusal)
    await expect(refused).rejects.toMatchObject({ code: 'too_much_to_scan', status: 413 })
    expect(log).toHaveLength(6)
  })
})

describe('the work of the scanner', () => {
  const scanner = createScanner(loadPacks())
  const plain = 'The tulips in the garden need water, and the roses too. '.repeat(1200)
  const measure = (text: string) => {
    let units = 0
    let max = 0
    for (const steps = scanner.scanSlowly(text, 'user'); ; ) {
      const { done, value } = steps.next()
      if (done) return { units, max }
      units += value
      max = Math.max(max, value)
    }
  }

  it('is about one unit for each of plain text', () => {
    const { units } = measure(plain)
    expect(units / plain.length).toBeGreaterThanOrEqual(1)
    expect(units / plain.length).toBeLessThan(1.5)
  })

  it('is many units for one of a text in mixed disguises, and stops in between however short the text', () => {
    const parts = ['i g n o r e  a l l ', `${btoa('please read all the words of it')} `, 'a\u200bb\u200bc ']
    const more = [
      'snoitcurtsni suoiverp ',
      'cerivbhf vafgehpgvbaf ',
      '%69%67%6e ',
      '&#105;&#103; ',
      '<b>i</b>g ',
    ]
    const disguised = [...parts, ...more].join('').repeat(300)
    const { units, max } = measure(disguised)
    expect(units / disguised.length).toBeGreaterThan(8)
    expect(max).toBeLessThan(units / 8)
  })
})

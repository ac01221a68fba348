import { describe, expect, it } from 'vitest'
import { RequestObservers, type SettledRequest } from '../../src/pipeline/finish/observers.ts'

const settled = { record: { id: 'r-1' } } as SettledRequest

describe('observers of finished requests', () => {
  it('tells every observer, also behind one that throws, and logs that one without its message', () => {
    const lines: unknown[] = []
    const observers = new RequestObservers({ error: (...line: unknown[]) => void lines.push(line) })
    const seen: string[] = []
    observers.add(() => {
      throw new TypeError('what the prompt said')
    })
    observers.add(({ record }) => seen.push(record.id))
    observers.tell(settled)
    expect(seen).toEqual(['r-1'])
    expect(lines).toHaveLength(1)
    expect(JSON.stringify(lines)).toContain('TypeError')
    expect(JSON.stringify(lines)).not.toContain('what the prompt said')
  })

  it('tells a removed observer nothing more', () => {
    const observers = new RequestObservers({ error: () => {} })
    const seen: string[] = []
    const remove = observers.add(({ record }) => seen.push(record.id))
    remove()
    observers.tell(settled)
    expect(seen).toEqual([])
  })
})

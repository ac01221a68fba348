import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createMemory, createRecall } from '../../src/detect/injection/scan-cache.ts'

const long = (name: string) => name.padEnd(1000, '.')

function counted(max?: number) {
  const read: string[] = []
  const recall = createRecall((text) => {
    read.push(text)
    return text.length
  }, max)
  return { recall, read }
}

describe('what was found out about a text', () => {
  it('is known when its owner sends it again', () => {
    const { recall, read } = counted()
    expect([recall.of(long('a'), 'me'), recall.of(long('a'), 'me')]).toEqual([1000, 1000])
    expect(read).toHaveLength(1)
  })

  it('is found out anew for anybody else, who could otherwise tell what was said', () => {
    const { recall, read } = counted()
    for (const owner of ['me', 'you', 'me']) recall.of(long('a'), owner)
    expect(read).toHaveLength(3)
  })

  it('is not kept of short texts', () => {
    const { recall, read } = counted()
    for (let time = 0; time < 2; time++) recall.of('short', 'me')
    expect(read).toHaveLength(2)
  })

  it('is kept of short ones where that was asked for', () => {
    const memory = createMemory<boolean>(100, 1)
    memory.keep('short', 'me', true)
    expect([memory.find('short', 'me'), memory.find('short', 'you')]).toEqual([true, undefined])
  })

  it('goes when there is no more room, what was asked for the longest first', () => {
    const { recall, read } = counted(3000)
    for (const name of ['a', 'b', 'c', 'a', 'd']) recall.of(long(name), 'me')
    expect(read).toEqual(['a', 'b', 'c', 'd'].map(long))
    recall.of(long('a'), 'me')
    expect(read).toHaveLength(4)
    recall.of(long('b'), 'me')
    expect(read).toHaveLength(5)
  })

  it('is what would be found out now, whatever came before', () => {
    const asked = fc.tuple(
      fc.constantFrom('a', 'b', 'c', 'd', 'e'),
      fc.nat(2000),
      fc.constantFrom('me', 'you'),
    )
    fc.assert(
      fc.property(fc.array(asked, { maxLength: 60 }), (sequence) => {
        const { recall } = counted(5000)
        for (const [name, length, owner] of sequence) {
          const text = name.repeat(length)
          expect(recall.of(text, owner)).toBe(text.length)
        }
      }),
    )
  })
})

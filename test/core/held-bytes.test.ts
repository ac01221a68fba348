/** One budget for all that requests hold. */
import { describe, expect, it } from 'vitest'
import { HeldBytes, type Hold } from '../../src/core/held-bytes.ts'

const mega = 1024 * 1024
const world = () => {
  const memory = new HeldBytes(() => 100 * mega)
  const open = (owner: string): Hold => {
    const hold = memory.open()
    hold.ownedBy(owner)
    return hold
  }
  return { memory, open }
}

describe('the requests of one caller', () => {
  it('leave a quarter to others, however many there are', () => {
    const { memory, open } = world()
    const all = [open('a'), open('a'), open('a')]
    all[0]?.answer(40 * mega)
    all[1]?.answer(35 * mega)
    expect(() => all[2]?.answer(5 * mega)).toThrow('memory.budget')
    // Small ones always have room.
    all[2]?.answer(mega)
    open('b').answer(14 * mega)
    for (const hold of all) hold.release()
    open('a').answer(75 * mega)
    expect(memory.held).toBe(89 * mega)
  })

  it('may be a single one that takes all that large ones may', () => {
    const { memory, open } = world()
    const only = open('a')
    for (let megas = 1; megas <= 90; megas++) only.answer(megas * mega)
    expect(() => only.answer(91 * mega)).toThrow('memory.budget')
    only.release()
    expect(memory.held).toBe(0)
  })
})

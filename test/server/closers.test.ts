/** What a gateway closes when it stops, whatever fails on the way. */
import { expect, it } from 'vitest'
import { Closers } from '../../src/server/closers.ts'

it('closes everything in the reverse order, also behind what fails, and then says what failed', async () => {
  const closed: string[] = []
  const closers = new Closers()
  closers.add(() => closed.push('first'))
  closers.add(async () => {
    throw new Error('no room')
  })
  closers.add(() => closed.push('last'))
  await expect(closers.closeAll()).rejects.toThrow('no room')
  expect(closed).toEqual(['last', 'first'])
  await closers.closeAll()
  expect(closed).toHaveLength(2)
})

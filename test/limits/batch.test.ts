/** Operations that travel to Redis together. */
import { describe, expect, it } from 'vitest'
import { createBatch } from '../../src/limits/redis/batch.ts'
import type { Operation } from '../../src/limits/redis/scripts.ts'

const operation = (name: Operation['name']): Operation => ({ name, keys: [], words: [] })

describe('a batch', () => {
  it.each([0, 1, 62, 63, 64, 126, 127])(
    'keeps two that belong together in one script, behind %i others',
    async (before) => {
      const scripts: (readonly Operation[])[] = []
      const batch = createBatch(async (operations) => {
        scripts.push(operations)
        return operations.map((_, index) => [scripts.length, index])
      })
      const others = Array.from({ length: before }, () => batch.ask(operation('renew')))
      const [admission, reservation] = await batch.askBoth(operation('admit'), operation('reserve'))
      await Promise.all(others)
      for (const operations of scripts) expect(operations.length).toBeLessThanOrEqual(64)
      for (const operations of scripts) expect(operations[0]?.follows).toBeUndefined()
      expect(scripts.flat()).toHaveLength(before + 2)
      expect(scripts.flat().at(-1)).toMatchObject({ name: 'reserve', follows: true })
      expect(admission).toEqual([scripts.length, (scripts.at(-1)?.length ?? 0) - 2])
      expect(reservation).toEqual([scripts.length, (scripts.at(-1)?.length ?? 0) - 1])
    },
  )
})

/** Reading a conversation looks at each text a few times, however many messages there are. */
import { expect, it } from 'vitest'
import type { Text } from '../../src/core/text.ts'
import { Notes } from '../../src/dialects/common/notes.ts'
import { list, messageShape, object, text } from '../../src/dialects/common/shape.ts'

/** How often the texts of a conversation are looked at while it is read. */
function looksAt(messages: number): number {
  let looks = 0
  const texts = new Proxy<Text[]>([], {
    get(target, key, receiver) {
      looks++
      return Reflect.get(target, key, receiver)
    },
  })
  const notes = Object.assign(new Notes(new Set()), { texts })
  const message = messageShape('user', object({ content: text('user') }))
  list(message)(Array(messages).fill({ content: 'hi' }), 'messages', notes)
  expect(texts.length).toBe(messages)
  return looks
}

it('twice the messages are twice the work, not four times', () => {
  expect(looksAt(2000)).toBeLessThan(2.5 * looksAt(1000))
})

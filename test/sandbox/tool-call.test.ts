/** Tool calls, as clients write them, and what could be read in two ways. */
import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { readToolCall } from '../../src/sandbox/tool-call.ts'

const read = (text: string | Buffer) => readToolCall(Readable.from([Buffer.from(text)]))

describe('readToolCall', () => {
  it.each([
    ['{"name":"read","arguments":{"path":"/a"}}'],
    ['{"name":"read","arguments":"{\\"path\\": \\"/a\\"}"}'],
    ['{"function":{"name":"read","index":0,"arguments":{"path":"/a"}}}'],
    ['{"id":"call_1","type":"function","function":{"name":"read","arguments":"{\\"path\\":\\"/a\\"}"}}\n'],
  ])('reads %s', async (text) => {
    expect(await read(text)).toEqual({ name: 'read', arguments: '{"path":"/a"}' })
  })

  it.each([
    [''],
    ['[]'],
    ['{"name":"read"}'],
    ['{"name":7,"arguments":{}}'],
    ['{"name":"read","arguments":[]}'],
    ['{"name":"read","arguments":"no JSON"}'],
    ['{"name":"read","name":"write","arguments":{}}'],
    ['{"name":"read","arguments":{},"function":{"name":"write","arguments":{}}}'],
    ['{"name":"read","arguments":"{\\"a\\":1,\\"a\\":2}"}'],
    ['{"name":"read","arguments":{}}{"name":"read","arguments":{}}'],
    ['\ufeff{"name":"read","arguments":{}}'],
    [Buffer.from([0x7b, 0xff, 0x7d])],
  ])('refuses %s', async (text) => {
    await expect(read(text)).rejects.toThrow('is not one tool call')
  })

  it('reads no more than its bound', async () => {
    const endless = Readable.from(
      (function* () {
        for (;;) yield Buffer.alloc(65_536, ' ')
      })(),
    )
    await expect(readToolCall(endless)).rejects.toThrow('too long')
    expect(endless.destroyed).toBe(true)
  })
})

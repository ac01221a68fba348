/** Archives of regular files in the ustar format (POSIX.1-2017, pax): enough for a folder with short names to travel as a file. */
import { createReadStream, createWriteStream } from 'node:fs'
import { open, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createGzip } from 'node:zlib'
import { errorCode } from '../core/error-code.ts'
import { makeFolder } from './folder.ts'

const block = 512
const maxNameBytes = 100
/** Eleven octal digits. */
const maxBytes = 8 ** 11 - 1
const fileMode = 0o600
const safeName = /^[\w-]+(\.[\w-]+)*(\/[\w-]+(\.[\w-]+)*)*$/

/** Whether a path names an archive. */
export function isArchive(path: string): boolean {
  return /\.(tar|tar\.gz|tgz)$/.test(path)
}

const isZipped = (path: string) => !path.endsWith('.tar')

/**
 * Packs files into an archive (mode 0600), which must not exist.
 * @param names relative to the folder
 * @throws what `fs` throws, or an Error for a name or a file that is too long
 */
export async function packFolder(folder: string, names: readonly string[], archive: string): Promise<void> {
  for (const name of names) requireName(name)
  const out = createWriteStream(archive, { flags: 'wx', mode: fileMode })
  const packed = Readable.from(blocksOf(folder, names))
  try {
    if (isZipped(archive)) await pipeline(packed, createGzip(), out)
    else await pipeline(packed, out)
  } catch (error) {
    // What stood there before is not ours.
    if (errorCode(error) !== 'EEXIST') await rm(archive, { force: true })
    throw error
  }
}

function requireName(name: string): void {
  if (!safeName.test(name) || name.length > maxNameBytes)
    throw new Error(`${name} does not fit into an archive`)
}

async function* blocksOf(folder: string, names: readonly string[]): AsyncGenerator<Buffer> {
  for (const name of names) {
    const path = join(folder, name)
    const { size } = await stat(path)
    yield headerOf(name, size)
    let sent = 0
    for await (const piece of createReadStream(path) as AsyncIterable<Buffer>) {
      sent += piece.length
      yield piece
    }
    if (sent !== size) throw new Error(`${path} changed while it was packed`)
    yield Buffer.alloc(paddingOf(size))
  }
  yield Buffer.alloc(2 * block)
}

const paddingOf = (size: number) => (block - (size % block)) % block

function headerOf(name: string, size: number): Buffer {
  if (size > maxBytes) throw new Error(`${name} does not fit into an archive`)
  const header = Buffer.alloc(block)
  const octal = (value: number, digits: number) => `${value.toString(8).padStart(digits, '0')}\0`
  const put = (text: string, at: number) => header.write(text, at, 'latin1')
  put(name, 0)
  put(octal(fileMode, 7), 100)
  for (const at of [108, 116]) put(octal(0, 7), at)
  put(octal(size, 11), 124)
  put(octal(0, 11), 136)
  put('        0', 148)
  put('ustar\x0000', 257)
  put(`${sumOf(header).toString(8).padStart(6, '0')}\0 `, 148)
  return header
}

/** With blanks where the sum stands. */
function sumOf(header: Buffer): number {
  return header.reduce((sum, byte, index) => sum + (index >= 148 && index < 156 ? 0x20 : byte), 0)
}

/**
 * Unpacks an archive into a folder. Takes regular files with plain names only, so that nothing leaves the folder.
 * @throws Error for anything else, and what `fs` throws
 */
export async function unpackArchive(archive: string, folder: string): Promise<void> {
  const stream = createReadStream(archive)
  const source = isZipped(archive) ? stream.pipe(createGunzip()) : stream
  // What fails on the way to the second ends it.
  if (source !== stream) stream.on('error', (error) => source.destroy(error))
  const reader = new BlockReader(source)
  for (;;) {
    const header = await reader.take(block)
    if (header.every((byte) => byte === 0)) return
    const { name, size } = readHeader(header)
    const path = join(folder, name)
    makeFolder(dirname(path))
    const file = await open(path, 'wx', fileMode)
    try {
      for (let left = size; left > 0; ) {
        const piece = await reader.some(left)
        await file.writeFile(piece)
        left -= piece.length
      }
    } finally {
      await file.close()
    }
    if (paddingOf(size) > 0) await reader.take(paddingOf(size))
  }
}

function readHeader(header: Buffer): { readonly name: string; readonly size: number } {
  const text = (at: number, length: number) => header.toString('latin1', at, at + length).split('\0')[0] ?? ''
  const name = text(0, maxNameBytes)
  const size = Number.parseInt(text(124, 12), 8)
  const isSound =
    safeName.test(name) &&
    text(156, 1) === '0' &&
    text(345, 155) === '' &&
    Number.isSafeInteger(size) &&
    Number.parseInt(text(148, 8), 8) === sumOf(header)
  if (!isSound) throw new Error('this is no archive that `torwart backup` made')
  return { name, size }
}

/** Reads a stream in pieces of the lengths that are asked for. */
class BlockReader {
  readonly #pieces: AsyncIterator<Buffer>
  #held = Buffer.alloc(0)

  constructor(stream: AsyncIterable<Buffer>) {
    this.#pieces = stream[Symbol.asyncIterator]()
  }

  /** Returns exactly so many bytes. @throws Error if there are fewer */
  async take(length: number): Promise<Buffer> {
    while (this.#held.length < length) this.#held = Buffer.concat([this.#held, await this.#next()])
    return this.#cut(length)
  }

  /** Returns at most so many bytes, and at least one. @throws Error if there are none */
  async some(most: number): Promise<Buffer> {
    if (this.#held.length === 0) this.#held = await this.#next()
    return this.#cut(Math.min(most, this.#held.length))
  }

  #cut(length: number): Buffer {
    const piece = this.#held.subarray(0, length)
    this.#held = this.#held.subarray(length)
    return piece
  }

  async #next(): Promise<Buffer<ArrayBuffer>> {
    const { done, value } = await this.#pieces.next()
    if (done) throw new Error('the archive is cut off')
    return Buffer.from(value)
  }
}

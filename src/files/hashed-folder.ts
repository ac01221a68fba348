/** A folder that is being filled: every file for its owner only, hashed while it is written. */
import { createHash, type Hash } from 'node:crypto'
import { existsSync, readdirSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { makeFolder } from './folder.ts'

/** A file of the folder. */
export interface HashedFile {
  /** Relative, with slashes. */
  readonly name: string
  readonly bytes: number
  readonly sha256: string
}

/** A file that is written line by line. */
export interface LineFile {
  add(line: string): Promise<void>
  close(): Promise<void>
}

const fileMode = 0o600
const flushLength = 256 * 1024
const pieceBytes = 1024 * 1024

/** The folder, with what was written into it. */
export class HashedFolder {
  readonly path: string
  readonly #files: HashedFile[] = []

  /** @throws Error if it exists and is not empty, and what `fs` throws */
  constructor(path: string) {
    if (existsSync(path) && readdirSync(path).length > 0) throw new Error(`${path} is not empty`)
    makeFolder(path)
    this.path = path
  }

  /** What was written so far, by name in the order of its bytes. */
  get files(): readonly HashedFile[] {
    return this.#files.toSorted((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** Writes a file and syncs it. @throws what `fs` throws */
  async write(name: string, content: string | Uint8Array): Promise<HashedFile> {
    const bytes = typeof content === 'string' ? Buffer.from(content) : content
    const file = await this.#create(name)
    try {
      await file.writeFile(bytes)
      await file.sync()
    } finally {
      await file.close()
    }
    return this.#note(name, bytes.length, createHash('sha256').update(bytes))
  }

  /** Begins a file of any length. @throws what `fs` throws */
  async lines(name: string): Promise<LineFile> {
    const file = await this.#create(name)
    const hash = createHash('sha256')
    let held: string[] = []
    let length = 0
    let bytes = 0
    const flush = async () => {
      const piece = Buffer.from(held.join(''))
      held = []
      length = 0
      bytes += piece.length
      hash.update(piece)
      await file.writeFile(piece)
    }
    return {
      async add(line) {
        held.push(line, '\n')
        length += line.length
        if (length >= flushLength) await flush()
      },
      close: async () => {
        try {
          await flush()
          await file.sync()
        } finally {
          await file.close()
        }
        this.#note(name, bytes, hash)
      },
    }
  }

  /** Copies the beginning of an open file. @param bytes how much of it @throws what `fs` throws; an Error if it is shorter */
  async copy(name: string, from: FileHandle, bytes: number): Promise<HashedFile> {
    const file = await this.#create(name)
    const hash = createHash('sha256')
    const piece = Buffer.allocUnsafe(Math.min(pieceBytes, Math.max(bytes, 1)))
    try {
      for (let at = 0; at < bytes; ) {
        const { bytesRead } = await from.read(piece, 0, Math.min(piece.length, bytes - at), at)
        if (bytesRead === 0) throw new Error(`a file became shorter while it was copied to ${name}`)
        const read = piece.subarray(0, bytesRead)
        hash.update(read)
        await file.writeFile(read)
        at += bytesRead
      }
      await file.sync()
    } finally {
      await file.close()
    }
    return this.#note(name, bytes, hash)
  }

  #create(name: string): Promise<FileHandle> {
    const path = join(this.path, name)
    makeFolder(dirname(path))
    return open(path, 'wx', fileMode)
  }

  #note(name: string, bytes: number, hash: Hash): HashedFile {
    const file = { name, bytes, sha256: hash.digest('hex') }
    this.#files.push(file)
    return file
  }
}

/**
 * SHA-256 of large files: two buffers take turns, so that the thread pool reads the next piece while this one is hashed.
 * Memory does not depend on the size of the file. Hashing takes a core: a running gateway does not do it.
 */
import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'

/** Large enough that a turn costs nothing, small enough for the cache of the processor. */
const pieceBytes = 512 * 1024

/**
 * Hashes a file.
 * @param onBytes told how many bytes were read since the last call
 * @returns 64 hexadecimal digits and the number of bytes
 * @throws what `fs` throws
 */
export async function hashFile(
  path: string,
  onBytes: (bytes: number) => void = () => {},
): Promise<{ readonly sha256: string; readonly size: number }> {
  const file = await open(path, 'r')
  try {
    const hash = createHash('sha256')
    const buffers = [Buffer.allocUnsafeSlow(pieceBytes), Buffer.allocUnsafeSlow(pieceBytes)] as const
    let size = 0
    const read = (turn: number, position: number) =>
      file.read(buffers[turn % 2 === 0 ? 0 : 1], 0, pieceBytes, position)
    let next = read(0, 0)
    for (let turn = 1; ; turn++) {
      const { bytesRead, buffer } = await next
      if (bytesRead === 0) return { sha256: hash.digest('hex'), size }
      size += bytesRead
      next = read(turn, size)
      // It is awaited in the next turn, or below if hashing fails.
      next.catch(() => {})
      hash.update(buffer.subarray(0, bytesRead))
      onBytes(bytesRead)
    }
  } finally {
    await file.close()
  }
}

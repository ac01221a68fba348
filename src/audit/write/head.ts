/** `FILE.head`: where the chain ended when the log was last synced. It shows a cut tail. */
import { replaceFile, replaceUnsynced } from '../../files/atomic.ts'
import { readJsonFile } from '../../files/json.ts'
import type { Head } from './chain.ts'

function headPath(file: string): string {
  return `${file}.head`
}

/** Reads the head beside a log. @returns undefined if there is none. @throws TypeError if it is not one */
export function readHead(file: string): Head | undefined {
  return readJsonFile(headPath(file), 'the head of a log', (value) => (isHead(value) ? value : undefined))
}

function isHead(value: unknown): value is Head {
  if (typeof value !== 'object' || value === null || !('seq' in value && 'hash' in value)) return false
  return typeof value.seq === 'number' && typeof value.hash === 'string'
}

const print = ({ seq, hash }: Head) => `${JSON.stringify({ seq, hash })}\n`

/**
 * Replaces the head without waiting for the disk: the records it names are synced, and an older head is only an
 * older truth.
 */
export async function writeHead(file: string, head: Head): Promise<void> {
  await replaceUnsynced(headPath(file), print(head))
}

/** Replaces the head before it returns, and syncs it. @throws what `fs` throws */
export function writeHeadNow(file: string, head: Head): void {
  replaceFile(headPath(file), print(head))
}

/** `FILE.head`: where the chain ended when the log was last synced. It shows a cut tail. */
import { readFileSync } from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'
import { replaceFile } from '../../files/atomic.ts'
import type { Head } from './chain.ts'

function headPath(file: string): string {
  return `${file}.head`
}

/** @returns undefined if there is none. @throws TypeError if it is not one */
export function readHead(file: string): Head | undefined {
  let text: string
  try {
    text = readFileSync(headPath(file), 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  const head = JSON.parse(text) as Partial<Head>
  if (typeof head.seq !== 'number' || typeof head.hash !== 'string')
    throw new TypeError(`${headPath(file)} is not a head`)
  return { seq: head.seq, hash: head.hash }
}

const print = ({ seq, hash }: Head) => `${JSON.stringify({ seq, hash })}\n`

/** Without waiting for the disk: the records it names are synced, and an older head is only an older truth. */
export async function writeHead(file: string, head: Head): Promise<void> {
  const temporary = `${headPath(file)}.tmp`
  await writeFile(temporary, print(head), { mode: 0o600 })
  await rename(temporary, headPath(file))
}

export function writeHeadNow(file: string, head: Head): void {
  replaceFile(headPath(file), print(head))
}

/** The signature packs that ship with the gate. */
import { readdirSync, readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { compilePack, type PackSource, type Signature } from '../scan/signature.ts'

const folder = new URL('../scan/packs/', import.meta.url)
const wordsFile = 'words.yaml'
const read = (file: string) => parse(readFileSync(new URL(file, folder), 'utf8')) as PackSource

/** @throws SyntaxError naming the pack, the signature and what is wrong with it */
export function loadPacks(): readonly Signature[] {
  const { words } = read(wordsFile)
  const signatures = readdirSync(folder)
    .filter((file) => file.endsWith('.yaml') && file !== wordsFile)
    .sort()
    .flatMap((file) => compilePack(read(file), words))
  const ids = new Set(signatures.map(({ id }) => id))
  if (ids.size !== signatures.length) throw new SyntaxError('an id stands twice in the signature packs')
  return signatures
}

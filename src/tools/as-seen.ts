/** Names and paths as somebody reads them: full-width signs and what nobody sees are a way to write others. */
import { bare } from '../scan/bare.ts'

/** Compatibility forms undone (Unicode, NFKC), without what nobody sees. Linear */
export function asSeen(text: string): string {
  return (bare(text)?.text ?? text).normalize('NFKC')
}

/** Synthetic prompts: repeats and random characters, which no training set had in this order. */
import { seededRandom } from '../statistics/random.ts'
import type { ProbeFile } from './schema.ts'

const letters = 'abcdefghijklmnopqrstuvwxyz '
const printable = Array.from({ length: 95 }, (_, at) => String.fromCharCode(32 + at)).join('')
/** Letters of many scripts, combining marks, arrows, signs that are not seen. */
const ranges: readonly (readonly [from: number, to: number])[] = [
  [0x00c0, 0x024f],
  [0x0300, 0x036f],
  [0x0391, 0x03c9],
  [0x0410, 0x044f],
  [0x0621, 0x064a],
  [0x200b, 0x200f],
  [0x2190, 0x21ff],
  [0x3041, 0x3096],
  [0x1f300, 0x1f5ff],
]

/** Makes the prompt of a probe. @returns undefined if it does not say how */
export function generatedPrompt(
  { repeat, times, random: length, from = 'letters' }: NonNullable<ProbeFile['generate']>,
  seed: string,
): string | undefined {
  if (repeat !== undefined && times !== undefined && length === undefined) return repeat.repeat(times)
  if (length === undefined || repeat !== undefined || times !== undefined) return undefined
  const random = seededRandom(seed)
  const pick = (count: number) => Math.floor(random() * count)
  const character = () => {
    if (from !== 'unicode') {
      const alphabet = from === 'letters' ? letters : printable
      return alphabet[pick(alphabet.length)] ?? ''
    }
    const [low, high] = ranges[pick(ranges.length)] ?? [32, 126]
    return String.fromCodePoint(low + pick(high - low + 1))
  }
  return Array.from({ length }, character).join('')
}

/** The script of a text, and of Latin text its language, by a sample of characters and the commonest words. */

/** Blocks of scripts (Unicode 15), by the first code unit behind each; null is of no script. ASCII is not among them. */
const blocks: readonly (readonly [end: number, script: string | null])[] = [
  [0xc0, null],
  [0x250, 'Latn'],
  [0x370, null],
  [0x400, 'Grek'],
  [0x530, 'Cyrl'],
  [0x590, 'Armn'],
  [0x600, 'Hebr'],
  [0x780, 'Arab'],
  [0x900, null],
  [0x980, 'Deva'],
  [0xa00, 'Beng'],
  [0xb80, null],
  [0xc00, 'Taml'],
  [0xe00, null],
  [0xe80, 'Thai'],
  [0x10a0, null],
  [0x1100, 'Geor'],
  [0x1200, 'Hang'],
  [0x1e00, null],
  [0x1f00, 'Latn'],
  [0x2000, 'Grek'],
  [0x3040, null],
  [0x3100, 'Jpan'],
  [0x3400, null],
  [0xa000, 'Hani'],
  [0xac00, null],
  [0xd7b0, 'Hang'],
]

/** The names of scripts; the first stands for no script. */
const scripts: readonly (string | null)[] = [null, ...new Set(blocks.flatMap(([, script]) => script ?? []))]
const scriptOfBlock = blocks.map(([, script]) => scripts.indexOf(script))
const latin = scripts.indexOf('Latn')

const space = 0x20
const hashBasis = 0x811c9dc5 | 0
const fnvPrime = 0x01000193

/** Function words that are those of one language among these. */
const words: Readonly<Record<string, string>> = {
  en: 'the and of to is that for with this are you your from have',
  de: 'der die das und ist nicht mit ein eine auf für sie den von zu',
  fr: 'le les des et est une dans pour que vous avec pas du sur',
  es: 'el los las y es una por para con que del como más',
  it: 'il gli di è che per una sono della nel anche',
  pt: 'os as não uma com para você mais dos são ao',
  nl: 'het een van en voor niet zijn dat met je op',
  pl: 'jest nie się na że do jak oraz lub przez',
  sv: 'och att det som är på för inte med den',
  tr: 've bir bu için ile olarak daha çok',
}
const languages = Object.keys(words)
/** The language of each word that is of one alone, by the hash of the word: a piece of text costs more than its hash. */
const languageOfWord = new Map<number, number | undefined>()
for (const [language, list] of Object.values(words).entries())
  for (const word of list.split(' ')) {
    let hash = hashBasis
    for (let at = 0; at < word.length; at++) hash = hashed(hash, word.charCodeAt(at))
    languageOfWord.set(hash, languageOfWord.has(hash) ? undefined : language)
  }

const sampled = 32
const maxWordUnits = 240
/** Stands for no letters. */
export const noScript = 'Zyyy'

/** Names the script of most letters of a text (ISO 15924), or the language if it is Latin and has function words; `Zyyy` without letters. */
export function scriptOf(text: string): string {
  const counts = new Array<number>(scripts.length).fill(0)
  const step = Math.max(1, Math.floor(text.length / sampled))
  for (let at = 0; at < text.length; at += step) {
    const script = scriptOfUnit(text.charCodeAt(at))
    counts[script] = (counts[script] ?? 0) + 1
  }
  let most = 1
  for (let script = 2; script < counts.length; script++)
    if ((counts[script] ?? 0) > (counts[most] ?? 0)) most = script
  if ((counts[most] ?? 0) === 0) return noScript
  // Japanese is written with Chinese characters as well, so that a share of kana tells it.
  const name = scripts[most] ?? noScript
  if (name === 'Hani' && (counts[scripts.indexOf('Jpan')] ?? 0) * 8 >= (counts[most] ?? 0)) return 'Jpan'
  return name === 'Latn' ? (languageOf(text) ?? name) : name
}

/** @returns an index into `scripts` */
function scriptOfUnit(unit: number): number {
  const letter = unit | 0x20
  if (unit < 0x80) return letter >= 0x61 && letter <= 0x7a ? latin : 0
  let low = 0
  let high = blocks.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((blocks[middle]?.[0] ?? 0) <= unit) low = middle + 1
    else high = middle
  }
  return scriptOfBlock[low] ?? 0
}

/** @returns the language with the most function words, two at least; null if none leads */
function languageOf(text: string): string | null {
  const counts = new Array<number>(languages.length).fill(0)
  const end = Math.min(text.length, maxWordUnits)
  let hash = hashBasis
  for (let at = 0; at < end; at++) {
    const unit = text.charCodeAt(at)
    if (unit === space) {
      countWord(hash, counts)
      hash = hashBasis
    } else hash = hashed(hash, unit)
  }
  // A word that goes on beyond the end may be another one.
  if (end === text.length) countWord(hash, counts)
  let most: string | null = null
  let best = 1
  for (let language = 0; language < counts.length; language++) {
    const count = counts[language] ?? 0
    if (count > best) {
      most = languages[language] ?? null
      best = count
    } else if (count === best) most = null
  }
  return most
}

function countWord(hash: number, counts: number[]): void {
  const language = languageOfWord.get(hash)
  if (language !== undefined) counts[language] = (counts[language] ?? 0) + 1
}

/** One step of FNV-1a (Fowler, Noll, Vo) over code units, capitals of ASCII and Latin-1 as small letters. */
function hashed(hash: number, unit: number): number {
  const isCapital = (unit >= 0x41 && unit <= 0x5a) || (unit >= 0xc0 && unit <= 0xde)
  return Math.imul(hash ^ (isCapital ? unit | 0x20 : unit), fnvPrime)
}

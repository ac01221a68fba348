/** HTML from pieces: every text is escaped unless it was made by these functions. */

/** A piece of HTML that is safe to put into a page. */
export class Html {
  readonly text: string
  /** @param text HTML that this program wrote */
  constructor(text: string) {
    this.text = text
  }
}

/** What a template may hold: texts are escaped, lists are joined, nothing is left out. */
export type Piece = Html | string | number | undefined | readonly Piece[]

/** Makes HTML of a template. Texts are escaped, and signs that are not seen are shown by their number. */
export function html(strings: TemplateStringsArray, ...pieces: readonly Piece[]): Html {
  let text = strings[0] ?? ''
  for (const [at, piece] of pieces.entries()) text += print(piece) + (strings[at + 1] ?? '')
  return new Html(text)
}

function print(piece: Piece): string {
  if (piece === undefined) return ''
  if (piece instanceof Html) return piece.text
  if (typeof piece === 'string') return escaped(piece)
  return typeof piece === 'number' ? String(piece) : piece.map(print).join('')
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}
/** Control characters, and those that turn the direction or take no room: a model could hide words with them. */
const unseen = /(?![\n\t])[\p{Cc}\p{Cf}\p{Cs}\p{Co}\u2028\u2029]/gu

function escaped(text: string): string {
  return text
    .replaceAll(
      unseen,
      (sign) => `⟨U+${(sign.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}⟩`,
    )
    .replaceAll(/[&<>"']/g, (sign) => entities[sign] ?? '')
}

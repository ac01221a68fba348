/**
 * Tables over all UTF-16 code units. Asking a pattern about each of them, one by one, takes ten milliseconds a table; asking
 * it for its runs in a text of all of them takes less than one.
 */

/** How many UTF-16 code units there are. */
export const unitCount = 0x10000

/** The second half of a character beyond the basic plane; what is before it ends in first halves. */
const secondHalves = 0xdc00
/** Numbers that one call takes as arguments; both texts are a multiple of it. */
const atOnce = 1024

/** All units in order, in two texts, so that no two halves make a character. */
const texts = [textOf(0, secondHalves), textOf(secondHalves, unitCount)].map((text) => ({
  first: text.charCodeAt(0),
  text,
}))

function textOf(from: number, to: number): string {
  let text = ''
  for (let first = from; first < to; first += atOnce)
    text += String.fromCharCode(...Array.from({ length: atOnce }, (_, at) => first + at))
  return text
}

/**
 * Calls back for every unit that matches by itself, in order.
 * @param member a class of characters, which asks for nothing around them
 */
export function eachUnit(member: RegExp, visit: (unit: number) => void): void {
  const runs = new RegExp(`(?:${member.source})+`, member.unicode ? 'gu' : 'g')
  for (const { first, text } of texts)
    for (const { 0: run, index } of text.matchAll(runs))
      for (let at = 0; at < run.length; at++) visit(first + index + at)
}

/** Makes a table that has `value` for every unit that matches by itself, and 0 for the others. */
export function unitSet(member: RegExp, value = 1): Uint8Array<ArrayBuffer> {
  const table = new Uint8Array(unitCount)
  eachUnit(member, (unit) => {
    table[unit] = value
  })
  return table
}

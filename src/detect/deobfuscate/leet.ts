/** Digits and signs that pass for letters: `1gn0re`. */

/** The letter that each passes for. */
export const lettersMeant: Readonly<Record<string, string>> = {
  '0': 'o',
  '1': 'i',
  '3': 'e',
  '4': 'a',
  '5': 's',
  '7': 't',
  '8': 'b',
  '@': 'a',
  $: 's',
  '!': 'i',
  '|': 'i',
}

/** Finds a digit or sign within or before a word. */
export const standsInFor = /[a-z][0134578@$|!][a-z0-9]|[0134578@$|][a-z]/i

/** Ids of persons, as callers and operators write them. */

/** ASCII only, so that no two ids look alike; no blank and no `*`, which names of accounts use. */
const form = /^[\w.:@/+=|%~#-]{1,256}$/

/**
 * Reads the id of a person: an e-mail address, a number, a UUID. Letter case does not count, so that a frozen person is
 * frozen however it is written.
 * @returns it in lower case; undefined if the text is none
 */
export function personIn(text: string): string | undefined {
  return form.test(text) ? text.toLowerCase() : undefined
}

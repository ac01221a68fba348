/** The id of a capability token: in the token itself, in records, in budgets and in the list of those revoked. */
export const tokenIdPattern = '^[0-9A-Za-z]{16}$'

const form = new RegExp(tokenIdPattern)

/** Returns whether a text may be the id of a capability token. */
export function isTokenId(text: string): boolean {
  return form.test(text)
}

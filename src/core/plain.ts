/** For terminals and tables: what a caller wrote must not move the cursor or colour the line. */
export function plain(text: unknown): string {
  const string = typeof text === 'string' ? text : text === null || text === undefined ? '' : String(text)
  return string.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '\u00b7')
}

/** Who changed something by hand, as they say themselves: the system user, or `--by`. */
const maxLength = 128

/**
 * Makes the name of an author one short line.
 * @returns the name as it may stand in a file: it must not write lines of its own. It is masked before it stands
 * in the log
 */
export function authorName(by: string): string {
  return by
    .replace(/[\p{C}\p{Zl}\p{Zp}]+/gu, ' ')
    .trim()
    .slice(0, maxLength)
}

/** Comparing versions of model servers and of Node. */

/** The three numbers of a version in a text such as `v4.9.0 (82c191af)`; undefined if there are none. */
export function versionIn(text: string): readonly [number, number, number] | undefined {
  const match = /(?:^|[^\d.])(\d{1,6})\.(\d{1,6})\.(\d{1,6})/.exec(text)
  return match ? [Number(match[1]), Number(match[2]), Number(match[3])] : undefined
}

/**
 * Tells whether a version comes before another. A pre-release (`0.17.1-rc0`) counts as the version it leads to.
 * @returns false if either is not a version
 */
export function isBefore(text: string, other: string): boolean {
  const one = versionIn(text)
  const two = versionIn(other)
  if (one === undefined || two === undefined) return false
  for (const [index, number] of one.entries()) {
    const difference = number - (two[index] ?? 0)
    if (difference !== 0) return difference < 0
  }
  return false
}

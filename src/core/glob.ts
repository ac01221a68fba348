/** Wildcards in policy names: `*` is any run of characters, everything else is itself. */

/**
 * Whether `text` matches `pattern` as a whole. At most pattern × text steps, whatever the pattern: it goes
 * back to the last `*` only, which is enough because an earlier one could never do better.
 */
export function matchesGlob(pattern: string, text: string): boolean {
  let p = 0
  let t = 0
  let star = -1
  let resume = 0
  while (t < text.length) {
    if (pattern[p] === '*') {
      star = p++
      resume = t
    } else if (pattern[p] === text[t]) {
      p++
      t++
    } else if (star !== -1) {
      p = star + 1
      t = ++resume
    } else return false
  }
  while (pattern[p] === '*') p++
  return p === pattern.length
}

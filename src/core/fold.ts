/**
 * How Go's `encoding/json` matches object keys to struct fields: exactly, else by simple Unicode case folding
 * (go.dev/src/encoding/json/fold.go). All field names of both model servers are ASCII, and exactly two
 * characters outside ASCII fold into it: U+017F (long s) and U+212A (Kelvin sign).
 */

/** The folded form of a key; two keys that a Go server could take for the same field have the same one. */
export function foldKey(key: string): string {
  return key.replaceAll('\u017f', 's').replaceAll('\u212a', 'k').toLowerCase()
}

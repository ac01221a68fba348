/** E-mail addresses as people write them (the dot-atom form of RFC 5322 and internationalised domains). */
import type { Detector } from './detector.ts'

const local = /[\p{L}\p{N}.!#$%&'*+/=?^_`{|}~-]/u
const host = /[\p{L}\p{N}.-]/u
/** Endings of files that are no top-level domain: `icon@2x.png`. */
const files =
  /\.(?:png|jpe?g|gif|svg|webp|bmp|ico|[mc]?js|[mc]?ts|[jt]sx|css|scss|less|json|html?|xml|ya?ml|toml|txt|log|lock|exe|dll|jar|t?gz|kt|java|cpp|hpp|sql|conf|cfg|ini|env)$/i
const maxLocalLength = 64
const maxHostLength = 253

/** Finds e-mail addresses. */
export const email: Detector = {
  type: 'email',
  triggers: ['@'],
  maxLength: maxLocalLength + 1 + maxHostLength,
  find({ text }) {
    const spans = []
    for (let at = text.indexOf('@'); at !== -1; at = text.indexOf('@', at + 1)) {
      let start = at
      while (start > 0 && at - start < maxLocalLength && local.test(text.charAt(start - 1))) start--
      // Punctuation before an address is the sentence's, not the address's.
      while (start < at && !/[\p{L}\p{N}_]/u.test(text.charAt(start))) start++
      let end = at + 1
      while (end < text.length && end - at <= maxHostLength && host.test(text.charAt(end))) end++
      while (end > at && /[.-]/.test(text.charAt(end - 1))) end--
      const domain = text.slice(at + 1, end)
      // A scope of packages, or a path in front: `node_modules/@scope`.
      start += text.slice(start, at).lastIndexOf('/') + 1
      if (isUserInfo(text, start) || text.charAt(end) === '(' || text.slice(start, at) === 'git') continue
      if (files.test(domain)) continue
      if (start < at && /^[^.]+(?:\.[^.]+)*\.\p{L}[\p{L}\p{N}-]{0,61}\p{L}$/u.test(domain))
        spans.push({ start, end })
    }
    return spans
  },
}

/** `scheme://user:password@host` is no address; the password in it has a detector of its own. */
function isUserInfo(text: string, start: number): boolean {
  const before = text.slice(Math.max(0, start - maxLocalLength), start)
  return /:\/\/[^\s/]{0,64}$/.test(before)
}

/** `scheme://user:password@host` (RFC 3986, 3.2.1), as in connection strings: the password only. */
import { namedValue, placedDetector } from './detector.ts'

/** Finds passwords in URLs. */
export const urlPassword = placedDetector({
  type: 'url-password',
  triggers: ['://'],
  maxLength: 256,
  // Up to the last @ of the authority: a password may hold one that nobody escaped.
  pattern: /(?<user>[^\s:@/?#"'<>]{0,56}):(?<value>[^\s/"'<>]{1,256})(?<tail>@)(?=[\w[.-])/y,
  accept(match) {
    const { user = '', value = '' } = match.groups ?? {}
    // The account that a fresh database has, in every tutorial: `postgres:postgres@`.
    if (value === user) return undefined
    return /^(?:\$\{?|\{|%[sd]|\*+$|x{3,}$|\[|(?:my_?)?(?:pass(?:word|wd)?|pwd|secret)$|your|replace|placeholder)/i.test(
      value,
    )
      ? undefined
      : namedValue(match)
  },
})

/**
 * IP addresses of both families, and the addresses of network cards. `::` alone is an operator in too many languages,
 * and stays; so do version numbers of four parts behind a word that calls them one.
 */
import validator from 'validator'
import type { Span } from '../../core/text.ts'
import { type Detector, digits, patternDetector, whole } from './detector.ts'

const v4 = /(?<![\d.\w-])(?:\d{1,3}\.){3}\d{1,3}(?![\w-]|\.\d)/g
/** From the first colon's group on; the ending with four numbers is IPv4 in IPv6. */
const v6 =
  /(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,8}(?:(?:\d{1,3}\.){3}\d{1,3}|[0-9A-Fa-f]{1,4})?(?:%[\w.]{1,16})?(?:\/\d{1,3})?(?![\w:]|\.\d)/y
const v6Group = 4

export const ipv4 = patternDetector({
  type: 'ip',
  longest: 15,
  triggers: digits,
  pattern: v4,
  accept: (match, sample) =>
    validator.isIP(match[0], 4) &&
    !/\b(?:v|ver|version|release|build)[ .:=]{0,3}$/i.test(sample.before(match.index))
      ? whole(match)
      : undefined,
})

/** Looked for only where two colons stand as near to each other as in an address: one colon is in every other text. */
export const ipv6: Detector = {
  type: 'ip',
  longest: 70,
  triggers: [':'],
  find({ text }) {
    const spans: Span[] = []
    let covered = 0
    for (let at = text.indexOf(':'); at !== -1; at = text.indexOf(':', Math.max(at + 1, covered))) {
      if (!/:[\dA-Fa-f]{0,4}:/.test(text.slice(at, at + v6Group + 2))) continue
      let start = at
      while (start > 0 && at - start < v6Group && /[\dA-Fa-f]/.test(text.charAt(start - 1))) start--
      v6.lastIndex = start
      const [shown] = v6.exec(text) ?? []
      if (shown === undefined || !isAddress(shown, text.slice(Math.max(0, start - 2), start))) continue
      covered = start + shown.length
      spans.push({ start, end: covered })
    }
    return spans
  },
}

function isAddress(shown: string, before: string): boolean {
  const [address = ''] = shown.split(/[%/]/)
  // The operator, unless a prefix length makes it a network; and a slice of a list.
  return shown !== '::' && !(/^::\d{1,3}$/.test(address) && /(?<![/@])\[$/.test(before)) && isV6(address)
}

function isV6(address: string): boolean {
  if (validator.isIP(address, 6)) return true
  // Six groups in full before four numbers, which the library knows only with `::`.
  const [, groups, tail] = /^((?:[0-9A-Fa-f]{1,4}:){6})([\d.]+)$/.exec(address) ?? []
  return groups !== undefined && validator.isIP(tail ?? '', 4)
}

/** EUI-48 in the three ways it is written. All zeros and all ones are nobody's. */
export const mac: Detector = {
  type: 'mac',
  longest: 17,
  triggers: [...digits, ':'],
  find({ text }) {
    const spans: Span[] = []
    for (const [separator, group] of [
      [':', 2],
      ['-', 2],
      ['.', 4],
    ] as const)
      for (let at = text.indexOf(separator); at !== -1; at = text.indexOf(separator, at + 1)) {
        if (text.charAt(at + group + 1) !== separator) continue
        macForm.lastIndex = at - group
        const [shown] = (at >= group && macForm.exec(text)) || []
        if (shown === undefined || /^(?:0|\W)+$|^(?:f|\W)+$/i.test(shown)) continue
        spans.push({ start: at - group, end: at - group + shown.length })
      }
    return spans
  },
}
const macForm =
  /(?<![\w:.-])(?:[\dA-Fa-f]{2}(?::[\dA-Fa-f]{2}){5}|[\dA-Fa-f]{2}(?:-[\dA-Fa-f]{2}){5}|[\dA-Fa-f]{4}\.[\dA-Fa-f]{4}\.[\dA-Fa-f]{4})(?![\w-]|[:.]\w)/y

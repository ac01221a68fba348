/**
 * IP addresses of both families, and the addresses of network cards. `::` alone is an operator in too many languages,
 * and stays; so do version numbers of four parts.
 */
import validator from 'validator'
import type { Span } from '../../core/text.ts'
import { type Detector, digits, patternDetector, type Sample, whole } from './detector.ts'

const v4 = /(?<![\d.\w-])(?:\d{1,3}\.){3}\d{1,3}(?![\w-]|\.\d)/g
/** From the first colon's group on; the ending with four numbers is IPv4 in IPv6. */
const v6 =
  /(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,8}(?:(?:\d{1,3}\.){3}\d{1,3}|[0-9A-Fa-f]{1,4})?(?:%[\w.]{1,16})?(?:\/\d{1,3})?(?![\w:]|\.\d)/y
const v6Group = 4

/** Finds IPv4 addresses. */
export const ipv4 = patternDetector({
  type: 'ip',
  maxLength: 15,
  triggers: digits,
  pattern: v4,
  accept: (match, sample) =>
    validator.isIP(match[0], 4) && !isVersion(match[0], sample, match.index) ? whole(match) : undefined,
})

/** Words that announce an address, and what stands directly in front of one in a URL or behind a user's name. */
const announced =
  /(?:\b(?:ip|ipv4|addr|address(?:es)?|adresse|host|hostname|server|client|remote|peer|gateway|router|dns|nameserver|resolver|ping|subnet|netmask|listen(?:ing)?|bind|connect(?:ed|ion)?|src|dst|login|logged in|access(?:ed)?|attack(?:er|s|ed)?|firewall|proxy|node|machine|device|network|traffic|requests?|x-forwarded-for)\w{0,3}\b|_ip)[^\d\n]{0,32}$|\/\/$|\b(?:root|admin|user|ubuntu|ec2-user|pi|git|deploy)@$|(?:\d{1,3}\.){3}\d{1,3}[, -]{1,3}$/i
const versionBefore =
  /(?:\b(?:v|ver|vers|version|versions|release|released|build|rev|revision|firmware|patch|section|clause|chapter|paragraph|oid)|version|§)["']?[ .:=(<>"']{0,4}(?:\w{0,8}=)?["']?$|[\w\]"'] ?(?:==|>=|<=|~=|~>|!=) ?["']?$|[~^]["']?$/i
const upgrade = /\b(?:upgrad|downgrad|updat|bump|install|migrat)\w{0,4}[^\n]{0,40}$/i
const reserved =
  /^(?:10|127|169\.254|172\.(?:1[6-9]|2\d|3[01])|192\.168|0\.0\.0\.0|255)(?:\.|$)|^(\d{1,3})(?:\.\1){3}$|^8\.8\.4\.4$/
/** Behind these an address stands as well as a version, unless the sentence is about an upgrade. */
const told =
  /(?:\b(?:from|via|blocked|banned|unban|whois|curl|wget|telnet|ssh|scp|nmap|dig|traceroute|tracert|mtr|allow|deny|IN A|reach(?:able| \w{2})? at)[^\d\n]{0,8}|(?:^|\s)-[sd] |\bdig @)$/i
/** No part of a version grows as large as parts of addresses do. */
const maxOfVersion = 31

/** Four numbers with points are versions of software and sections of standards more often than addresses. */
function isVersion(shown: string, sample: Sample, start: number): boolean {
  const before = sample.before(start)
  if (versionBefore.test(before)) return true
  const behind = sample.text.slice(start + shown.length, start + shown.length + 2)
  if (announced.test(before) || /^[:/]\d/.test(behind)) return false
  if (upgrade.test(before) || behind.startsWith('+')) return true
  if (reserved.test(shown) || told.test(before)) return false
  // `Chrome/126.0.0.0`
  if (/[A-Za-z]\/$/.test(before)) return true
  return shown.endsWith('.0.0') || shown.split('.').every((part) => Number(part) <= maxOfVersion)
}

/** Looked for only where two colons stand as near to each other as in an address: one colon is in every other text. */
export const ipv6: Detector = {
  type: 'ip',
  maxLength: 70,
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
      if (shown === undefined || !isAddress(shown, text.slice(Math.max(0, start - 24), start))) continue
      covered = start + shown.length
      spans.push({ start, end: covered })
    }
    return spans
  },
}

/** What `::` is the address of. */
const unspecified =
  /(?:\bipv?6?|\baddr(?:ess)?|\bsrc|\bdst|\blisten(?:ing)?(?: on)?|\bbind(?:ing)?(?: to)?|\bhost|unspecified)["']?[ =:]{1,3}["'[]?$/i

function isAddress(shown: string, before: string): boolean {
  const [address = ''] = shown.split(/[%/]/)
  // The operator, unless a prefix length makes it a network or a word says so; and a slice of a list.
  return (
    (shown !== '::' || unspecified.test(before)) &&
    !(/^::\d{1,3}$/.test(address) && /(?<![/@])\[$/.test(before)) &&
    isV6(address)
  )
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
  maxLength: 17,
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

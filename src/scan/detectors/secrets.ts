/** Credentials: private keys, tokens, keys in their vendors' formats, passwords in URLs. */
import { type Detector, patternDetector, whole } from './detector.ts'

/** PEM and PGP. Without its end it runs to the end of the text: half a key is a key. */
export const privateKey: Detector = {
  type: 'private-key',
  triggers: ['-----BEGIN'],
  find({ text }) {
    const spans = []
    const begin = /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/g
    for (let match = begin.exec(text); match; match = begin.exec(text)) {
      const end = /-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/g
      end.lastIndex = begin.lastIndex
      const last = end.exec(text)
      begin.lastIndex = last ? end.lastIndex : text.length
      spans.push({ start: match.index, end: begin.lastIndex })
    }
    return spans
  },
}

export const jwt = patternDetector(
  'jwt',
  ['eyJ'],
  /(?<![\w-])eyJ[\w-]{8,2048}\.eyJ[\w-]{8,8192}\.[\w-]{0,1024}/g,
)

/**
 * Prefix, then what follows it: kinds as vendors document them for secret scanning. The prefixes are triggers, so
 * none of them may be part of common words.
 */
const vendors: readonly (readonly [string, string])[] = [
  ['tw_', '[0-9A-Za-z]{4,32}_[0-9A-Za-z]{32,64}_[0-9A-Za-z]{6}'],
  ['sk-', '(?:ant-|proj-|svcacct-|or-v1-|admin-)?[A-Za-z0-9_-]{20,200}'],
  ['ghp_', '[A-Za-z0-9]{36,255}'],
  ['gho_', '[A-Za-z0-9]{36,255}'],
  ['ghu_', '[A-Za-z0-9]{36,255}'],
  ['ghs_', '[A-Za-z0-9]{36,255}'],
  ['ghr_', '[A-Za-z0-9]{36,255}'],
  ['github_pat_', '[A-Za-z0-9_]{22,255}'],
  ['glpat-', '[A-Za-z0-9_-]{20,64}'],
  ['xox', '[abeoprs]-[A-Za-z0-9-]{10,250}'],
  ['xapp-', '\\d-[A-Z0-9]{8,20}-\\d{8,16}-[a-z0-9]{32,80}'],
  ['AKIA', '[A-Z2-7]{16}'],
  ['ASIA', '[A-Z2-7]{16}'],
  ['AIza', '[\\w-]{35}'],
  ['ya29.', '[\\w-]{20,400}'],
  ['GOCSPX-', '[\\w-]{20,40}'],
  ['SG.', '[\\w-]{16,32}\\.[\\w-]{16,64}'],
  ['sk_', '(?:live|test)_[A-Za-z0-9]{10,99}'],
  ['rk_', '(?:live|test)_[A-Za-z0-9]{10,99}'],
  ['whsec_', '[A-Za-z0-9+/=]{20,80}'],
  ['hf_', '[A-Za-z]{30,40}'],
  ['npm_', '[A-Za-z0-9]{36}'],
  ['pypi-', 'AgE[\\w-]{50,1000}'],
  ['dop_v1_', '[a-f0-9]{64}'],
  ['shpat_', '[a-fA-F0-9]{32}'],
  ['shpca_', '[a-fA-F0-9]{32}'],
  ['shppa_', '[a-fA-F0-9]{32}'],
  ['shpss_', '[a-fA-F0-9]{32}'],
  ['lin_api_', '[A-Za-z0-9]{40}'],
  ['gsk_', '[A-Za-z0-9]{40,60}'],
  ['xai-', '[A-Za-z0-9]{60,100}'],
  ['r8_', '[A-Za-z0-9]{37}'],
  ['AGE-SECRET-KEY-1', '[A-Z0-9]{58}'],
  ['hvs.', '[\\w-]{24,300}'],
  ['dckr_pat_', '[\\w-]{27,60}'],
  ['ATATT3', '[A-Za-z0-9_=-]{80,250}'],
  ['PMAK-', '[a-f0-9]{24}-[a-f0-9]{34}'],
  ['NRAK-', '[A-Z0-9]{27}'],
  ['sntrys_', '[A-Za-z0-9+/=_-]{40,400}'],
  ['glsa_', '[A-Za-z0-9]{32}_[a-f0-9]{8}'],
  ['AccountKey=', '[A-Za-z0-9+/]{86}=='],
]
const escaped = (text: string) => text.replaceAll(/[.\\+*?^$()[\]{}|-]/g, '\\$&')

export const vendorKey = patternDetector(
  'api-key',
  vendors.map(([prefix]) => prefix),
  new RegExp(
    `(?<![A-Za-z0-9_])(?:${vendors.map(([prefix, rest]) => escaped(prefix) + rest).join('|')})(?![A-Za-z0-9])`,
    'g',
  ),
)

/** `scheme://user:password@host`: the password only. */
export const urlPassword = patternDetector(
  'url-password',
  ['://'],
  /(?<=[a-zA-Z][a-zA-Z0-9+.-]{1,20}:\/\/[^\s:@/]{0,128}:)[^\s@/]{1,256}(?=@)/g,
)

/** `password = …`, `api_key: …`: a value behind a name that says it is secret, if it looks like one. */
export const namedSecret = patternDetector(
  'secret',
  ['passw', 'Passw', 'PASSW', 'secret', 'Secret', 'SECRET', 'key', 'Key', 'KEY', 'token', 'Token', 'TOKEN'],
  /(?:passw(?:or)?d|passwort|secret|api[_-]?key|access[_-]?key|auth[_-]?token|access[_-]?token|private[_-]?key)["'`]?\s{0,3}(?::=|=>|[:=])\s{0,3}["'`]?([^\s"'`,;<>(){}[\]]{8,200})/gi,
  (match) => {
    const value = match[1] ?? ''
    const mixed = /\d/.test(value) && /[A-Za-z]/.test(value)
    if (!mixed || /^(?:\$|%|https?:|process\.|os\.|env\.|\w+\.\w+\.)/.test(value)) return undefined
    const end = whole(match).end
    return { start: end - value.length, end }
  },
)

/** IP addresses of both families. `::` alone is an operator in too many languages, and stays. */
import isIP from 'validator/lib/isIP.js'
import { digits, patternDetector, whole } from './detector.ts'

const v4 = /(?<![\d.\w-])(?:\d{1,3}\.){3}\d{1,3}(?![\d\w-]|\.\d)/g
const v6 = /(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,8}(?:[0-9A-Fa-f]{1,4}|(?:\d{1,3}\.){3}\d{1,3})?(?![\w:])/g

export const ipv4 = patternDetector('ip', digits, v4, (match) =>
  isIP.default(match[0], 4) ? whole(match) : undefined,
)

export const ipv6 = patternDetector('ip', [':'], v6, (match) =>
  isIP.default(match[0], 6) && match[0] !== '::' ? whole(match) : undefined,
)

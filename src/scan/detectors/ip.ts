/** IP addresses of both families. `::` alone is an operator in too many languages, and stays. */
import validator from 'validator'
import { type Detector, digits, patternDetector, whole } from './detector.ts'

const v4 = /(?<![\d.\w-])(?:\d{1,3}\.){3}\d{1,3}(?![\d\w-]|\.\d)/g
const v6 = /(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,8}(?:[0-9A-Fa-f]{1,4}|(?:\d{1,3}\.){3}\d{1,3})?(?![\w:])/g

export const ipv4 = patternDetector('ip', digits, v4, (match) =>
  validator.isIP(match[0], 4) ? whole(match) : undefined,
)

const findV6 = patternDetector('ip', [':'], v6, (match) =>
  validator.isIP(match[0], 6) && match[0] !== '::' ? whole(match) : undefined,
)

/** Asked only where two colons stand as near to each other as in an address: one colon is in every other text. */
export const ipv6: Detector = {
  type: findV6.type,
  triggers: findV6.triggers,
  find(sample) {
    const { text } = sample
    let before = Number.NEGATIVE_INFINITY
    for (let at = text.indexOf(':'); at !== -1; at = text.indexOf(':', at + 1)) {
      if (at - before <= 5) return findV6.find(sample)
      before = at
    }
    return []
  },
}

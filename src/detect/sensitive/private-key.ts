/**
 * Private keys as PEM, OpenSSH, PGP and PuTTY write them, also with their end cut off: half a key is a key. Of one whose
 * beginning is missing, the last 400 units. Not: keys in binary form, and blocks with nothing in them.
 */
import { type Detector, longDetector } from './detector.ts'

const body = /[A-Za-z0-9+/=]/g

/** Finds private keys in PEM. */
export const privateKey = longDetector({
  type: 'private-key',
  triggers: ['-----BEGIN '],
  opens: /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/y,
  // Its end; or where people begin to talk: two words, with nothing of the alphabet in front, and not those of an end
  // that is still being written.
  closes:
    /-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|(?<![\w+/=:-])(?=[A-Za-z]{1,16}[ ,]{1,3}[A-Za-z]{1,16}[ .,!?\n])(?<!-----END [A-Z0-9 ]{0,40})/g,
  accept: (value, atEnd) =>
    (atEnd && !value.includes('-----END ')) ||
    (value.replaceAll(/-----?[ A-Z]+-----?/g, '').match(body)?.length ?? 0) >= 40,
})

/** As PuTTY writes them: so many lines of base64, and a sum of them. */
export const puttyKey = longDetector({
  type: 'private-key',
  triggers: ['Private-Lines: '],
  opens: /Private-Lines: \d{1,3}\s/y,
  closes: /Private-MAC: [0-9a-f]{0,64}|(?<![\w+/=:-])(?=[A-Za-z]{1,16}[ ,]{1,3}[A-Za-z]{1,16}[ .,!?\n])/g,
})

/** Lines of base64 in front of an end. */
export const privateKeyTail: Detector = {
  type: 'private-key',
  triggers: ['-----END '],
  maxLength: 480,
  placed: true,
  find({ text }, places) {
    return places.flatMap((place) => {
      const end = /^[A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/.exec(text.slice(place, place + 70))
      if (!end) return []
      const front = text.slice(Math.max(0, place - 409), place - 9)
      const lines = /(?<![\w+/=])[\w+/=]{16,76}(?:\s{1,2}[\w+/=]{2,76}){0,12}\s{0,2}$/.exec(front)
      return lines ? [{ start: place - 9 - lines[0].length, end: place + end[0].length }] : []
    })
  },
}

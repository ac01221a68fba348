/** The check digits of the world: most numbers of people and accounts carry one, which tells them from other numbers. */

/** ISO/IEC 7812-1, over all digits. */
export function luhn(digits: string): boolean {
  let sum = 0
  for (let at = digits.length - 1, doubled = false; at >= 0; at--, doubled = !doubled) {
    const digit = digits.charCodeAt(at) - 48
    sum += doubled ? (digit > 4 ? digit * 2 - 9 : digit * 2) : digit
  }
  return sum % 10 === 0
}

/** ISO/IEC 7064 MOD 97-10, as in IBANs: letters count from 10. */
export function mod97(characters: string): number {
  let rest = 0
  for (const character of characters) {
    const value = Number.parseInt(character, 36)
    rest = (rest * (value > 9 ? 100 : 10) + value) % 97
  }
  return rest
}

/** ISO/IEC 7064 MOD 11,10, over all digits. */
export function mod11of10(digits: string): boolean {
  let product = 10
  for (const digit of digits.slice(0, -1)) {
    const sum = (Number(digit) + product) % 10 || 10
    product = (sum * 2) % 11
  }
  return (11 - product) % 10 === Number(digits.at(-1))
}

/** Digits and letters (counted from 10) by weights that repeat. */
export function weighted(characters: string, weights: readonly number[]): number {
  let sum = 0
  for (let at = 0; at < characters.length; at++)
    sum += Number.parseInt(characters.charAt(at), 36) * (weights[at % weights.length] ?? 0)
  return sum
}

/** The same, but of each product the sum of its digits, as German insurance numbers have it. */
export function weightedDigitSums(digits: string, weights: readonly number[]): number {
  let sum = 0
  for (let at = 0; at < digits.length; at++) {
    const product = Number(digits.charAt(at)) * (weights[at % weights.length] ?? 0)
    sum += Math.floor(product / 10) + (product % 10)
  }
  return sum
}

/** ICAO 9303, part 3, 4.9: machine-readable travel documents. */
export function icaoCheck(characters: string): number {
  return weighted(characters, [7, 3, 1]) % 10
}

/** EAN-13, over all digits. */
export function ean13(digits: string): boolean {
  return weighted(digits, [1, 3]) % 10 === 0
}

const bech32Letters = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l'

/** Bech32 and Bech32m (BIP 173, BIP 350): `address` in small letters, with its prefix. */
export function bech32(address: string): boolean {
  const parting = address.lastIndexOf('1')
  const prefix = [...address.slice(0, parting)].map((letter) => letter.charCodeAt(0))
  const data = [...address.slice(parting + 1)].map((letter) => bech32Letters.indexOf(letter))
  if (data.includes(-1)) return false
  let sum = 1
  for (const value of [...prefix.map((unit) => unit >> 5), 0, ...prefix.map((unit) => unit & 31), ...data]) {
    const top = sum >>> 25
    sum = ((sum & 0x1ffffff) << 5) ^ value
    for (const [bit, generator] of [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3].entries())
      if ((top >> bit) & 1) sum ^= generator
  }
  return sum === 1 || sum === 0x2bc830a3
}

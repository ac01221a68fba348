/**
 * Addresses of Bitcoin, Litecoin, Ethereum, Tron and Monero. Bech32 by its checksum; the older forms by alphabet,
 * length and network byte only, because their checksum is a double SHA-256.
 */
import { bech32 } from './check-digits.ts'
import { codeDetector } from './detector.ts'

const base58 = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'

/** Finds addresses of wallets. */
export const cryptoAddress = codeDetector({
  type: 'crypto',
  lengths: [14, 106],
  pattern:
    /^(?:0x[0-9a-fA-F]{40}|(?:bc|ltc)1[a-z\d]{11,90}|(?:BC|LTC)1[A-Z\d]{11,90}|[13LMT][1-9A-HJ-NP-Za-km-z]{25,33}|4[0-9AB][1-9A-HJ-NP-Za-km-z]{93})$/,
  accept(address) {
    if (/^(?:bc|ltc)1/i.test(address)) return bech32(address.toLowerCase())
    return /^(?:0x|4.{94}$)/.test(address) || isBase58(address)
  },
})

/** 25 bytes with the byte of a known network in front; words and numbers have not all kinds of characters. */
function isBase58(address: string): boolean {
  if (!/[a-z]/.test(address) || !/[A-Z]/.test(address) || !/\d.*\d/.test(address)) return false
  let value = 0n
  for (const letter of address) value = value * 58n + BigInt(base58.indexOf(letter))
  const network = value >> 192n
  const opening = address.charAt(0)
  if (opening === '1') return network === 0n && address.length >= 26
  if (opening === '3') return network === 5n
  return opening === 'T' ? network === 0x41n : network === 0x30n || network === 0x32n
}

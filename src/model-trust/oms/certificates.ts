/**
 * The chain of certificates of a bundle, up to a certificate that the operator trusts. Node verifies names, signatures and
 * dates; what it does not tell of a certificate (its key usage, how long a chain may be below it) is read from its bytes.
 */
import { type KeyObject, X509Certificate } from 'node:crypto'
import { AttestationFault } from '../attestation/fault.ts'

const keyUsage = '551d0f'
const basicConstraints = '551d13'
const extendedUsage = '551d25'
const codeSigning = '06082b06010505070303'
const digitalSignature = 0x80

/**
 * Verifies a chain and returns the signer's public key.
 * @param chain DER, the signer's certificate first
 * @param trusted a certificate of the operator: the authority at the end of the chain, or the signer's own
 * @throws AttestationFault
 */
export function signerOf(chain: readonly Buffer[], trusted: X509Certificate, nowMs: number): KeyObject {
  const certificates = chain.map(parsed)
  const [leaf] = certificates
  if (leaf === undefined) throw new AttestationFault('it has no certificate')
  if (!maySign(leaf.raw)) throw new AttestationFault('the certificate of the signer is not for signatures')
  for (const [depth, certificate] of certificates.entries()) {
    requireValid(certificate, nowMs)
    if (certificate.raw.equals(trusted.raw)) return leaf.publicKey
    const issuer = isIssuedBy(certificate, trusted) ? trusted : certificates[depth + 1]
    if (issuer === undefined || !isIssuedBy(certificate, issuer))
      throw new AttestationFault('its certificates do not lead to the one that is trusted')
    if (!issuer.ca || pathLengthOf(issuer.raw) < depth)
      throw new AttestationFault('a certificate was issued by one that may not issue it')
    if (issuer === trusted) {
      requireValid(trusted, nowMs)
      return leaf.publicKey
    }
  }
  throw new AttestationFault('its certificates do not lead to the one that is trusted')
}

function parsed(der: Buffer): X509Certificate {
  try {
    return new X509Certificate(der)
  } catch {
    throw new AttestationFault('a certificate cannot be read')
  }
}

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)
}

function requireValid({ validFrom, validTo }: X509Certificate, nowMs: number): void {
  if (nowMs < Date.parse(validFrom)) throw new AttestationFault('a certificate is not valid yet')
  if (nowMs > Date.parse(validTo)) throw new AttestationFault('a certificate has expired')
}

function maySign(der: Buffer): boolean {
  const extensions = extensionsOf(der)
  const usage = extensions.get(keyUsage)
  // BIT STRING: tag, length, unused bits, first byte.
  if (usage !== undefined) return ((usage[3] ?? 0) & digitalSignature) !== 0
  return extensions.get(extendedUsage)?.toString('hex').includes(codeSigning) ?? false
}

/** @returns how many authorities may stand between it and a signer */
function pathLengthOf(der: Buffer): number {
  const constraints = extensionsOf(der).get(basicConstraints)
  const length = constraints && childrenOf(constraints, 0)[1]
  return length?.tag === 0x02 ? Number(`0x${length.content.toString('hex')}`) : Number.POSITIVE_INFINITY
}

interface Element {
  readonly tag: number
  readonly content: Buffer
  /** Where the next one begins. */
  readonly end: number
}

/** @returns values of extensions by their object identifier in hex. Node has parsed the same bytes before. */
function extensionsOf(der: Buffer): ReadonlyMap<string, Buffer> {
  const found = new Map<string, Buffer>()
  const [body] = childrenOf(der, 0)
  const wrapped = body && elementsIn(body.content).find(({ tag }) => tag === 0xa3)
  for (const { content } of wrapped ? childrenOf(wrapped.content, 0) : []) {
    const parts = elementsIn(content)
    const id = parts[0]?.content.toString('hex')
    const value = parts.at(-1)?.content
    if (id !== undefined && value !== undefined) found.set(id, value)
  }
  return found
}

function childrenOf(bytes: Buffer, at: number): readonly Element[] {
  const element = elementAt(bytes, at)
  return element ? elementsIn(element.content) : []
}

function elementsIn(bytes: Buffer): readonly Element[] {
  const elements: Element[] = []
  for (let at = 0; at < bytes.length; ) {
    const element = elementAt(bytes, at)
    if (element === undefined) break
    elements.push(element)
    at = element.end
  }
  return elements
}

function elementAt(bytes: Buffer, at: number): Element | undefined {
  const tag = bytes[at]
  const first = bytes[at + 1]
  if (tag === undefined || first === undefined) return undefined
  const count = first < 0x80 ? 0 : first & 0x7f
  if (count > 4 || at + 2 + count > bytes.length) return undefined
  const length = count === 0 ? first : bytes.readUIntBE(at + 2, count)
  const start = at + 2 + count
  const end = start + length
  return end > bytes.length ? undefined : { tag, content: bytes.subarray(start, end), end }
}

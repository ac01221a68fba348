/**
 * From what a client certificate says to who shows it. OpenSSL has judged the certificate when the connection was
 * made; here its names meet the rules of the policy. Only its time is judged again, because connections last.
 *
 * Not caught here: a certificate that is revoked while its connection stands (`http/tls/tls.ts` ends those).
 */
import { matchesGlob } from '../../core/glob.ts'
import type { CertificateRule } from '../../policy/callers.ts'
import { callerId } from '../caller-id.ts'
import type { CertificateFault, Identity } from '../identity.ts'

/** What a connection's client has shown. */
export interface ShownCertificate {
  /** What OpenSSL has against it. */
  readonly fault: CertificateFault | undefined
  /** Undefined if there is none, or several. */
  readonly cn: string | undefined
  /** Lower case. */
  readonly dns: readonly string[]
  readonly uris: readonly string[]
  /** SHA-256, 64 hex digits. */
  readonly fingerprint: string
  readonly expiresMs: number
}

/** Returns a certificate that says one thing, such as `dns:build.example.org`; undefined if the text is no such thing. */
export function certificateSaying(text: string): ShownCertificate | undefined {
  const [, kind, name] = /^(cn|dns|uri|sha256):(.+)$/.exec(text) ?? []
  if (kind === undefined || name === undefined) return undefined
  const only = (wanted: string, said = name) => (kind === wanted ? [said] : [])
  return {
    fault: undefined,
    cn: only('cn')[0],
    dns: only('dns', name.toLowerCase()),
    uris: only('uri'),
    fingerprint: only('sha256', name.toLowerCase())[0] ?? '',
    expiresMs: Number.POSITIVE_INFINITY,
  }
}

const byCode: Readonly<Record<string, CertificateFault>> = {
  CERT_HAS_EXPIRED: 'certificate expired',
  CERT_NOT_YET_VALID: 'certificate not yet valid',
  CERT_REVOKED: 'certificate revoked',
  UNABLE_TO_GET_ISSUER_CERT: 'certificate from elsewhere',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'certificate from elsewhere',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'certificate from elsewhere',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'certificate from elsewhere',
  SELF_SIGNED_CERT_IN_CHAIN: 'certificate from elsewhere',
  INVALID_PURPOSE: 'certificate for other use',
  UNABLE_TO_GET_CRL: 'revocation unknown',
  CRL_NOT_YET_VALID: 'revocation unknown',
  CRL_HAS_EXPIRED: 'revocation unknown',
  CRL_SIGNATURE_FAILURE: 'revocation unknown',
}

/** Names why a client certificate was refused. @param code what OpenSSL calls it, as Node gives it */
export function certificateFault(code: string): CertificateFault {
  return byCode[code] ?? 'certificate wrong'
}

/**
 * Tells whose a verified certificate is.
 * @returns who it is by the first rule that matches; the fault is `certificate unknown` if none does
 */
export function identifyCertificate(
  shown: ShownCertificate,
  rules: readonly CertificateRule[],
  nowMs: number,
): Identity | CertificateFault {
  if (shown.fault !== undefined) return shown.fault
  if (nowMs >= shown.expiresMs) return 'certificate expired'
  for (const { kind, pattern, name, role } of rules) {
    const matched = namesOf(shown, kind).find((text) => matches(kind, pattern, text))
    // One rule may name many; each of them has limits of its own. No id of a key has a colon.
    if (matched !== undefined) return { kind: 'certificate', id: certificateId(kind, matched), name, role }
  }
  return 'certificate unknown'
}

/** Makes the id of a certificate's caller. @param named what the certificate says, and a rule asks for */
export function certificateId(kind: CertificateRule['kind'], named: string): string {
  return callerId(prefixes[kind], named)
}

const prefixes = { cn: 'cn', dns: 'dns', uri: 'uri', fingerprint: 'sha256' } as const
function namesOf({ cn, dns, uris, fingerprint }: ShownCertificate, kind: CertificateRule['kind']) {
  if (kind === 'dns') return dns
  if (kind === 'uri') return uris
  if (kind === 'fingerprint') return [fingerprint]
  return cn === undefined ? [] : [cn]
}

function matches(kind: CertificateRule['kind'], pattern: string, text: string): boolean {
  if (kind === 'cn' || kind === 'fingerprint' || !pattern.includes('*')) return pattern === text
  // What is a pattern itself, or names more than a place, is not within anybody's part.
  if (/[*?#]/.test(text)) return false
  const separator = kind === 'dns' ? '.' : '/'
  const wanted = pattern.split(separator)
  const parts = text.split(separator)
  return (
    wanted.length === parts.length &&
    wanted.every((part, index) => {
      const given = parts[index] ?? ''
      return part.includes('*') ? given !== '' && matchesGlob(part, given) : part === given
    })
  )
}

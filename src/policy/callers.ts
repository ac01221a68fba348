/** What a policy says of callers that show a certificate or a JSON Web Token. */

/** Files of the data listener’s TLS, as absolute paths. */
export interface TlsSettings {
  readonly cert: string
  readonly key: string
  readonly clientCa: string | undefined
  readonly clientCert: 'optional' | 'required'
  readonly crl: string | undefined
}

/** Accepted signature algorithms of JSON Web Tokens (RFC 7518, RFC 8037): no symmetric ones, and never `none`. */
export const tokenAlgorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
] as const

/** Whose JSON Web Tokens are accepted. */
export interface TokenIssuer {
  readonly issuer: string
  readonly audience: string
  /** Without it and without a file: what the issuer's discovery document says. */
  readonly jwksUrl: string | undefined
  readonly publicKey: string | undefined
  /** PEM, instead of the CAs that Node ships. */
  readonly ca: string | undefined
  readonly algorithms: readonly (typeof tokenAlgorithms)[number][]
  readonly toleranceMs: number
  /** One of the two. */
  readonly role: string | undefined
  readonly roleClaim: string | undefined
  /** Values of the claim and their roles, the first to count first; empty: the claim names the role itself. */
  readonly roles: readonly (readonly [value: string, role: string])[]
}

/** Who shows a certificate with this name. */
export interface CertificateRule {
  readonly kind: 'cn' | 'dns' | 'uri' | 'fingerprint'
  /** Fingerprints are 64 hex digits, DNS names lower case; those and URIs may hold `*`. */
  readonly pattern: string
  readonly name: string
  readonly role: string
}

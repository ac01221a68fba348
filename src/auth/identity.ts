/** Who is calling. */
export interface Identity {
  readonly kind: 'key' | 'token' | 'certificate' | 'jwt'
  /** That of a key is its public id; any but that and a token's has a colon in it. */
  readonly id: string
  readonly name: string
  readonly role: string
  /** What its key is for, if the key says so. */
  readonly purpose?: string
  /** Of a token: the key it was made from, and the tokens between them, that key first. */
  readonly from?: readonly string[]
  /** What the same caller has shown besides. */
  readonly certificate?: RecordedCertificate
}

/** Names whose limits an identity uses up, and what is frozen with it: a token is its key in both. */
export function holderOf({ id, from }: Identity): string {
  return from?.[0] ?? id
}

/** Why a credential was refused; for logs and metrics, never for the caller. */
export type CredentialFault =
  | 'missing'
  | 'several'
  | 'malformed'
  | 'unknown'
  | 'wrong'
  | 'expired'
  | 'revoked'
  | 'disabled'
  /** Used from an address that it is not for. */
  | 'elsewhere'
  | CertificateFault
  | TokenFault

/** Why a certificate counts for nothing; for logs and metrics, never for the caller. */
export type CertificateFault =
  | 'certificate expired'
  | 'certificate not yet valid'
  | 'certificate revoked'
  | 'certificate from elsewhere'
  | 'certificate for other use'
  | 'revocation unknown'
  | 'certificate wrong'
  /** No rule matches it. */
  | 'certificate unknown'

/** As it stands in records, beside whoever is named by a key. */
export interface RecordedCertificate {
  /** By the first rule that matches; null: no rule does. */
  readonly name: string | null
  readonly fingerprint: string
  /** Under what it would be known without the key, and its role then; absent: no rule matches. */
  readonly id?: string
  readonly role?: string
}

/** Names what a certificate may be frozen under, whichever rule it matches. */
export function fingerprintId(fingerprint: string): string {
  return `sha256:${fingerprint}`
}

/** Lists the ids of a caller; a freeze of any of them holds. */
export function shownIds({ id, from = [], certificate }: Identity): readonly string[] {
  return certificate?.id === undefined ? [id, ...from] : [id, ...from, certificate.id]
}

/** Lists the roles that a freeze or a log may name: the one that counts, and its certificate's. */
export function shownRoles({ role, certificate }: Identity): readonly string[] {
  return certificate?.role === undefined ? [role] : [role, certificate.role]
}

/** Why a JSON Web Token counts for nothing; for logs and metrics, never for the caller. */
export type TokenFault =
  | 'token malformed'
  | 'token of another type'
  | 'token of an unknown issuer'
  | 'token of an unknown key'
  | 'token with another algorithm'
  | 'token signature wrong'
  | 'token expired'
  | 'token not yet valid'
  | 'token for another audience'
  | 'token without a role'
  | 'keys of the issuer unavailable'
  | 'token wrong'

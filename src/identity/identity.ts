/** Who is calling. */
export interface Identity {
  readonly kind: 'key' | 'certificate' | 'jwt'
  /** That of a key is its public id; any other has a colon in it. */
  readonly id: string
  readonly name: string
  readonly role: string
  /** What the same caller has shown besides. */
  readonly certificate?: RecordedCertificate
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

/** Who is calling. */
export interface Identity {
  readonly kind: 'key'
  readonly id: string
  readonly name: string
  readonly role: string
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

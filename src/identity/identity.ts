/** Who is calling. */
export interface Identity {
  readonly kind: 'key' | 'token'
  readonly id: string
  readonly name: string
  readonly role: string
  /** Of a token: the key it was made from, and the tokens between them, that key first. */
  readonly from?: readonly string[]
}

/** Whose limits an identity uses up, and what is frozen with it: a token is its key in both. */
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

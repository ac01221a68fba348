/** Why an attestation or a signature is not accepted. */

/** A statement or signature that is refused. The message says why, and holds nothing of the file. */
export class AttestationFault extends Error {
  override readonly name = 'AttestationFault'
}

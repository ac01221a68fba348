/**
 * What would have refused a request if it did not only observe. Noted here by whatever observes; told in the record
 * (`would`), in the header `x-torwart-would`, and in `torwart_would_refuse_total`.
 */
import type { Refusal, RefusalCode } from '../core/refusal.ts'

/** Codes of refusals; `approval`: a human would have been asked. */
export type Would = Set<RefusalCode | 'approval'>

/** Refuses, or notes that it would have. @throws the refusal, unless it is only observed */
export function enforceOrObserve(
  { would }: { readonly would: Would },
  isObserved: boolean,
  refusal: Refusal,
): void {
  if (!isObserved) throw refusal
  would.add(refusal.code)
}

/** Labels of metrics that tell requests apart, from closed sets. */
import { holderOf, type Identity } from '../auth/identity.ts'
import type { CallerLabelValues } from '../telemetry/caller-labels.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import type { RequestContext } from './context.ts'
import type { JudgedFinding } from './findings.ts'

/** Values of the labels that metrics of requests share. */
export type Labels = Readonly<Record<'route' | 'model', string>>

/** Names the route and the model: `none` for a request without one, `other` for a name that no server lists. */
export function labelsOf({
  route,
  model,
  target,
}: Pick<RequestContext, 'route' | 'model' | 'target'>): Labels {
  if (!model || !target) return { route, model: 'none' }
  return { route, model: target.listed ? model.served : 'other' }
}

/** Names the role and the key, as far as the policy wants labels for them. A token counts as its key. */
export function callerLabels(
  { callers }: Pick<Metrics, 'callers'>,
  identity: Identity | undefined,
): CallerLabelValues {
  if (!identity) return callers.of(undefined)
  const holder = holderOf(identity)
  // Only ids of keys have no colon; others may be a person's name at another system.
  return callers.of({ role: identity.role, key: holder.includes(':') ? undefined : holder })
}

/** Counts findings of one kind in the requests of a caller. */
export function countFindings(
  metrics: Metrics,
  identity: Identity,
  { guard, category, action }: Pick<JudgedFinding, 'guard' | 'category' | 'action'>,
  count = 1,
): void {
  metrics.findings.inc({ guard, category, action, ...callerLabels(metrics, identity) }, count)
}

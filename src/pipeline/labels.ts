/** Labels of metrics that tell requests apart, from closed sets. */
import type { RequestContext } from './context.ts'

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

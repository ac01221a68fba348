/** Labels of metrics that tell requests apart, from closed sets. */
import type { RequestContext } from './context.ts'

export type Labels = Readonly<Record<'route' | 'model', string>>

/** A name that no server lists is only what somebody wrote: `other`. A request without a model has `none`. */
export function labelsOf({ incoming, call }: Pick<RequestContext, 'incoming' | 'call'>): Labels {
  const model = call === undefined ? 'none' : call.target.listed ? call.model.served : 'other'
  return { route: incoming.route, model }
}

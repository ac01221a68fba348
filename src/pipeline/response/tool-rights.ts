/** Which tools a caller may call: the one place where everything meets that narrows them. */
import type { ToolCall } from '../../dialects/dialect.ts'
import type { CallJudgement } from '../../tool-policy/rights.ts'
import type { Authenticated } from '../context.ts'

/** @returns which tools may be offered to the model; undefined: any, because calls are not gated, or only observed */
export function offerRights(request: Pick<Authenticated, 'role'>): ((name: string) => boolean) | undefined {
  return request.role.observesTools ? undefined : callRights(request)
}

/** @returns undefined: tool calls of this caller are not gated */
export function callRights({ role }: Pick<Authenticated, 'role'>): ((name: string) => boolean) | undefined {
  return role.mayCall
}

/** @returns what is said of one call of a caller whose calls are gated, before a human is asked */
export function judgeRight(
  request: Pick<Authenticated, 'role'>,
  { name, arguments: args, isFreeForm }: ToolCall,
): CallJudgement {
  if (!callRights(request)?.(name)) return { kind: 'outside', because: 'name' }
  return request.role.tools?.judge(name, args, isFreeForm) ?? { kind: 'allowed' }
}

/** Which tools a caller may call: the one place where everything meets that narrows them. */
import type { ToolCall } from '../../dialects/dialect.ts'
import type { CallJudgement } from '../../tool-policy/rights.ts'
import type { Caller } from '../context.ts'

/** @returns undefined: tool calls of this caller are not gated */
export function callRights({ role }: Pick<Caller, 'role'>): ((name: string) => boolean) | undefined {
  return role.mayCall
}

/** @returns what is said of one call of a caller whose calls are gated, before a human is asked */
export function judgeRight(
  caller: Pick<Caller, 'role'>,
  { name, arguments: args, isFreeForm }: ToolCall,
): CallJudgement {
  if (!callRights(caller)?.(name)) return { kind: 'outside', because: 'name' }
  return caller.role.tools?.judge(name, args, isFreeForm) ?? { kind: 'allowed' }
}

/** Which tools a caller may call: the one place where everything meets that narrows them. */
import type { Caller } from './exchange.ts'

/** @returns undefined: tool calls of this caller are not gated */
export function callRights({ role }: Pick<Caller, 'role'>): ((name: string) => boolean) | undefined {
  return role.mayCall
}

/** Which tools a caller may call: the one place where everything meets that narrows them. */
import type { Caller } from './exchange.ts'

/** @returns undefined: tool calls of this caller are not gated */
export function callRights({ role }: Pick<Caller, 'role'>): ((name: string) => boolean) | undefined {
  const { mayCall } = role
  // What cannot be told has no name, and no pattern names it.
  return mayCall && ((name) => name !== '' && mayCall(name))
}

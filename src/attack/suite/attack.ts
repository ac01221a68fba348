/** A suite of attacks, compiled: what is sent, what the model server answers, and what shows that it got through. */
import type { JsonValue } from '../../core/json.ts'
import type { Condition } from '../conditions.ts'

/** What the scripted server answers, with placeholders. */
export interface Answer {
  readonly text: string
  readonly calls: readonly { readonly name: string; readonly arguments: JsonValue }[]
  readonly usage: { readonly input: string | number; readonly output: string | number } | undefined
  readonly holds: boolean
  /** Whether the suite says what is answered, so that the attack is in the answer. */
  readonly isGiven: boolean
}

/** A request, with placeholders. */
export interface RequestPlan {
  readonly to: 'gate' | 'admin'
  /** Undefined: POST with a body, else GET. */
  readonly method: string | undefined
  readonly path: string
  /** `key`, `none`, another kind of credential, or a text with placeholders. */
  readonly as: string
  readonly headers: readonly string[]
  readonly body: JsonValue | undefined
  readonly content: string | undefined
  /** Instead of all above. */
  readonly raw: string | undefined
}

/** One step of an attack. */
export interface Step {
  readonly request: RequestPlan
  readonly times: string | number
  readonly together: boolean
  readonly keep: Readonly<Record<string, string>>
  readonly answer: Answer
  readonly replacesModel: boolean
  readonly patient: boolean
  readonly needed: boolean
}

/** What shows that an attack got through. */
export type Success =
  | { readonly kind: 'arrives'; readonly texts: readonly string[] }
  | { readonly kind: 'returns'; readonly texts: readonly string[] }
  | { readonly kind: 'status'; readonly status: number }
  | { readonly kind: 'all' }
  | { readonly kind: 'moreThan'; readonly count: string }

/** One attack. */
export interface Attack {
  readonly id: string
  readonly title: string
  readonly owasp: readonly string[]
  readonly guard: string
  readonly close: string
  readonly admitted: { readonly by: string; readonly when: readonly Condition[] } | undefined
  readonly when: readonly Condition[]
  readonly once: boolean
  readonly limit: string | undefined
  readonly direct: string | undefined
  readonly text: string | undefined
  readonly steps: readonly [Step, ...Step[]]
  readonly success: Success
  readonly codes: ReadonlySet<string>
}

/** All attacks of a run, and the harmless requests that must pass for them to mean anything. */
export interface Suite {
  readonly attacks: readonly Attack[]
  /** By path. */
  readonly controls: ReadonlyMap<string, RequestPlan>
}

/** Returns the last step, whose effects decide. */
export function lastStep({ steps }: Attack): Step {
  return steps.at(-1) ?? steps[0]
}

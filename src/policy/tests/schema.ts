/** The schema of a file of policy tests: who asks what, what is expected, and why. */
import Type, { type Static } from 'typebox'
import { type RefusalCode, refusals } from '../../core/refusal.ts'
import { group, optional, text, texts } from '../schema/types.ts'

/** What a rule of a policy can refuse with. Other codes depend on the moment: limits, freezes, servers. */
export const judgedCodes = [
  ...['invalid_credentials', 'route_not_allowed', 'not_found', 'model_not_allowed', 'invalid_request'],
  ...['prompt_blocked', 'too_much_to_scan', 'output_blocked', 'tool_not_allowed'],
] as const satisfies readonly RefusalCode[]

/** `approval`: a human is asked about a tool call. */
export type Expectation = 'allowed' | 'approval' | (typeof judgedCodes)[number]

/** What a test may expect. */
export const expectations: readonly Expectation[] = ['allowed', 'approval', ...judgedCodes]

/** Tells whether a text is a code that depends on the moment, so that no test can expect it. */
export function isOfTheMoment(code: string): boolean {
  return Object.hasOwn(refusals, code) && !expectations.some((each) => each === code)
}

const caller = group('Who asks: `role`, `key`, `certificate` or `person`.', {
  role: optional(text('A role.')),
  key: optional(text('The id of a key, or the name of exactly one.')),
  certificate: optional(
    Type.String({
      pattern: '^(cn|dns|uri|sha256):.+$',
      wanted: 'a certificate such as dns:build.example.org',
      example: 'dns:x',
      description: 'What a certificate says.',
    }),
  ),
  person: optional(text('The person whom the request names.')),
})

const call = group('A tool call.', {
  name: text('Name of the tool.'),
  arguments: Type.Record(Type.String(), Type.Unknown(), { description: 'Its arguments.', default: {} }),
})

const ask = group('What is asked, and what the model answers.', {
  route: text('Path of the route, such as `/api/chat`, without `listen.prefix`.'),
  model: optional(text('Model, as a client names it.')),
  system: optional(Type.String()),
  prompt: optional(Type.String()),
  document: optional(Type.String()),
  toolResult: optional(Type.String()),
  tools: texts('Tools that the model calls, whatever the arguments.'),
  calls: Type.Array(call, { description: 'Tool calls of the model, with their arguments.', default: [] }),
  answer: optional(Type.String()),
})

const test = group('A test.', {
  as: caller,
  ask,
  expect: Type.Enum([...expectations], { description: 'What must become of it.' }),
  because: optional(text('Why.')),
})

/** A file of policy tests. */
export const testsSchema = Type.Array(test)

/** One test, as it is written. */
export type PolicyTest = Static<typeof test>

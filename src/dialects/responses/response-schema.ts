/** The schemas of responses of the Responses API, of their events and items. */
import { noArgumentsExcept, noCallsExcept, schema } from '../common/response-schema.ts'

const item = schema({
  ...noCallsExcept(),
  ...noArgumentsExcept('name', 'arguments', 'input'),
  id: 'string',
  type: 'word',
  call_id: 'string',
  name: 'string',
  arguments: 'string',
  input: 'string',
  content: 'parts',
  summary: 'parts',
  logprobs: 'any',
})
/** A whole response. */
export const responseSchema = schema({
  ...noCallsExcept(),
  id: 'string',
  model: 'string',
  status: 'string',
  output: [item],
  usage: 'any',
  instructions: 'any',
  error: 'any',
  // Echoes of the request, with whatever members the client declared.
  tools: 'any',
  text: 'any',
})
/** An event of a stream. */
export const eventSchema = schema({
  ...noCallsExcept(),
  type: 'word',
  sequence_number: 'index',
  output_index: 'index',
  content_index: 'index',
  summary_index: 'index',
  item_id: 'string',
  delta: 'any',
  text: 'string',
  refusal: 'string',
  arguments: 'string',
  input: 'string',
  code: 'string',
  logprobs: 'any',
  item,
  part: 'any',
  annotation: 'any',
  response: responseSchema,
  error: 'any',
})

/** What answers of the Responses API, their events and items must look like. */
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
export const responseSchema = schema({
  ...noCallsExcept(),
  id: 'string',
  model: 'string',
  status: 'string',
  output: [item],
  usage: 'any',
  instructions: 'any',
  error: 'any',
  // Said again as the client declared it, with whatever names.
  tools: 'any',
  text: 'any',
})
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

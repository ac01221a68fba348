/** What answers of the Responses API, their events and items must look like. */
import { form, noCallBut, saysNothingBut } from '../common/response-schema.ts'

const item = form({
  ...noCallBut(),
  ...saysNothingBut('name', 'arguments', 'input'),
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
export const ofResponse = form({
  ...noCallBut(),
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
export const ofEvent = form({
  ...noCallBut(),
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
  response: ofResponse,
  error: 'any',
})

/**
 * Fields with which vLLM, SGLang, llama.cpp's server and LM Studio go beyond OpenAI's API. They reach servers of the kind
 * `openai` only; Ollama and LocalAI do not get them. Read on 2026-12-01 in:
 *
 * - vLLM: `vllm/entrypoints/openai/chat_completion/protocol.py` at 002032ee (`structured_outputs`), and
 *   `vllm/entrypoints/openai/protocol.py` at 0052bed3 (`guided_*`, its form before);
 * - SGLang: `python/sglang/srt/entrypoints/openai/protocol.py` at 004c82e0;
 * - llama.cpp: `tools/server/README.md` at 00dc8057.
 *
 * LM Studio reads those of llama.cpp, on which it is built (lmstudio.ai/docs/app/api/endpoints/openai, not read at a version).
 */
import type { JsonValue } from '../../core/json.ts'
import {
  answerSchema,
  flag,
  integer,
  invalid,
  list,
  never,
  object,
  onlyIfAllowed,
  real,
  type Shape,
  text,
  word,
} from '../common/shape.ts'

const definition = text('definition')

/** A JSON Schema, or one that is written as a string. */
const schema: Shape = (value: JsonValue, at, notes) => {
  if (typeof value !== 'string') return answerSchema(value, at, notes)
  if (value.length > maxWrittenSchema) return invalid(`\`${at}\` is too long: send the schema as an object.`)
  notes.counts.schema = Math.max(notes.counts.schema, value.length)
  return definition(value, at, notes)
}
const maxWrittenSchema = 65_536

/** Sampling: vLLM and SGLang, except `repeat_penalty`, which is llama.cpp's. */
export const otherSampling = {
  top_k: integer(-1),
  min_p: real,
  repetition_penalty: real,
  repeat_penalty: real,
} as const

/** What the response must look like. */
const constraints = {
  // vLLM.
  structured_outputs: object({
    json: schema,
    regex: definition,
    choice: list(definition),
    grammar: definition,
  }),
  // vLLM before it.
  guided_json: schema,
  guided_regex: definition,
  guided_choice: list(definition),
  guided_grammar: definition,
  // SGLang.
  regex: definition,
  ebnf: definition,
  // llama.cpp.
  grammar: definition,
  json_schema: schema,
} as const

/** How much it thinks, and where what it thought is. */
const thinking = {
  // Arguments of the prompt template. Others could carry text past its roles, or switch the template's own rules off.
  chat_template_kwargs: object({ enable_thinking: flag, thinking: flag, reasoning_effort: word }),
  // vLLM, SGLang, llama.cpp.
  include_reasoning: flag,
  separate_reasoning: flag,
  reasoning_format: word,
} as const

/** Of chat completions and completions. */
export const otherGeneration = { ...otherSampling, ...constraints } as const

/** Of chat completions. */
export const otherChat = {
  ...otherGeneration,
  ...thinking,
  chat_template: onlyIfAllowed(
    'template',
    text('system'),
    '`chat_template` is not allowed, because it replaces the prompt format of the model.',
  ),
} as const

const adapters = never('LoRA adapters cannot be chosen by a field. Name a model that the server lists.')
const code = never('Processors of logits are code that the server would run, and are not allowed.')
const elsewhere = never('The request may not name other servers.')

/** Refused for every server: nothing allows them. */
export const refusedFields = {
  lora: adapters,
  lora_path: adapters,
  lora_request: adapters,
  logits_processors: code,
  custom_logit_processor: code,
  bootstrap_host: elsewhere,
  kv_transfer_params: elsewhere,
} as const

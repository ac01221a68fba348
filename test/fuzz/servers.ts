/**
 * What the model servers read on each route: taken from their sources, not from ours. A field that they have and
 * that no caller should reach (`shift`, `_debug_render_only`, `metadata` …) is missing here on purpose.
 * A route nobody declared here is read by `undeclared`, which believes every single word to be the server's own.
 */
import type { JsonObject } from '../../src/core/json.ts'
import type { ServerKind } from '../../src/core/servers.ts'
import {
  anything,
  besides,
  bool,
  dictionary,
  either,
  type Field,
  type Found,
  float,
  image,
  int,
  list,
  model,
  oneOrMany,
  only,
  otherModel,
  picture,
  stringsOf,
  struct,
  text,
  textOrJson,
  typeOf,
  word,
} from './go-structs.ts'

export interface Route {
  readonly body: Field
  /** The path of the number that bounds the answer; none where nothing is generated. */
  readonly cap?: string
}

const options = struct({
  num_keep: int,
  seed: int,
  num_predict: int,
  top_k: int,
  top_p: float,
  min_p: float,
  typical_p: float,
  repeat_last_n: int,
  temperature: float,
  repeat_penalty: float,
  presence_penalty: float,
  frequency_penalty: float,
  stop: oneOrMany(text),
  num_ctx: int,
})
const runner = { model, options, keep_alive: int, truncate: bool }
const native = {
  ...runner,
  stream: bool,
  format: either({ string: word(), object: anything }),
  think: either({ string: word(), bool }),
  logprobs: bool,
  top_logprobs: int,
}
const roles = ['system', 'user', 'assistant', 'tool']
const declared = struct({ name: text, description: text, parameters: anything })

const apiMessage = struct({
  role: word(roles),
  content: text,
  thinking: text,
  images: list(image),
  tool_calls: list(struct({ id: text, function: struct({ index: int, name: text, arguments: anything }) })),
  tool_name: text,
  tool_call_id: text,
})
const apiChat = struct({
  ...native,
  messages: list(apiMessage),
  tools: list(struct({ type: text, items: anything, function: declared })),
})
const apiGenerate = struct({
  ...native,
  prompt: text,
  suffix: text,
  system: text,
  template: only('template', text),
  context: only('context', list(int)),
  raw: only('raw', bool),
  images: list(image),
})

const sampling = {
  model,
  stream: bool,
  stream_options: struct({ include_usage: bool }),
  max_tokens: int,
  seed: int,
  stop: oneOrMany(text),
  temperature: float,
  frequency_penalty: float,
  presence_penalty: float,
  top_p: float,
}
const parts = list(struct({ type: word(['text', 'image_url']), text, image_url: struct({ url: picture }) }))
const chat = {
  ...sampling,
  messages: list(
    struct({
      role: word([...roles, 'developer', 'function']),
      content: either({ string: text, list: parts }),
      reasoning: text,
      reasoning_content: text,
      name: text,
      tool_calls: list(
        struct({ id: text, type: word(), index: int, function: struct({ name: text, arguments: text }) }),
      ),
      tool_call_id: text,
    }),
  ),
  tools: list(struct({ type: word(['function']), function: declared })),
  response_format: struct({ type: word(), json_schema: struct({ schema: anything }) }),
  reasoning: struct({ effort: word() }),
  reasoning_effort: word(),
  logprobs: bool,
  top_logprobs: int,
}
const chatElsewhere = {
  ...chat,
  n: int,
  parallel_tool_calls: bool,
  tool_choice: either({
    string: word(),
    object: struct({ type: word(), function: struct({ name: text }) }),
  }),
}
const completion = { ...sampling, prompt: oneOrMany(text), suffix: text, logprobs: int }
const completions = struct(completion)
/** vLLM, SGLang, llama.cpp: the places where they were read are in `src/dialects/openai/other-servers.ts`. */
const schemaOrText = either({ string: text, object: anything })
const beyond = {
  top_k: int,
  min_p: float,
  repetition_penalty: float,
  repeat_penalty: float,
  structured_outputs: struct({ json: schemaOrText, regex: text, choice: list(text), grammar: text }),
  guided_json: schemaOrText,
  guided_regex: text,
  guided_choice: list(text),
  guided_grammar: text,
  regex: text,
  ebnf: text,
  grammar: text,
  json_schema: schemaOrText,
}
const chatBeyond = {
  ...beyond,
  chat_template: only('template', text),
  chat_template_kwargs: struct({ enable_thinking: bool, thinking: bool, reasoning_effort: word() }),
  include_reasoning: bool,
  separate_reasoning: bool,
  reasoning_format: word(),
}
const v1Embeddings = struct({ model, input: oneOrMany(text), encoding_format: word(), dimensions: int })

const said = ['input_text', 'output_text', 'text', 'summary_text', 'reasoning_text', 'input_image']
const blocks = either({ string: text, list: list(struct({ type: word(said), text, image_url: picture })) })
/** What the gate declares of a custom tool before a server that knows functions only. */
const ownParameters = 'type object properties input string required description'.split(' ')
const functionTool = {
  name: text,
  description: text,
  parameters: besides(ownParameters),
}
const nestedTool: Field = (node, at, found) => tool(node, at, found)
const tool = struct({ ...functionTool, type: word(['function', 'namespace']), tools: list(nestedTool) })
const search = struct({
  type: only('webSearch', word(['web_search'])),
  external_web_access: bool,
  search_context_size: word(),
})
const toolOnOllama: Field = (node, at, found) =>
  (typeOf(node) === 'web_search' ? search : tool)(node, at, found)
const anyToolElsewhere: Field = (node, at, found) => toolElsewhere(node, at, found)
const toolElsewhere = struct({
  ...functionTool,
  type: word(/^(function|namespace|custom|local_shell|shell|apply_patch|web_search\w{0,20})$/),
  tools: list(anyToolElsewhere),
  format: struct({ type: word(), syntax: word(), definition: text }),
  environment: struct({ type: word(['local']) }),
  external_web_access: bool,
  search_context_size: word(),
})
const blocksOrJson = either({
  string: textOrJson([]),
  list: list(struct({ type: word(said), text, image_url: picture })),
})
const responsesOnOllama = {
  model,
  input: either({
    string: text,
    list: list(
      struct({
        type: word(['message', 'function_call', 'function_call_output', 'reasoning']),
        id: text,
        role: word(['system', 'developer', 'user', 'assistant']),
        content: blocks,
        call_id: text,
        name: besides(['local_shell', 'shell', 'apply_patch']),
        namespace: text,
        arguments: textOrJson(['input']),
        output: blocksOrJson,
        summary: blocks,
        encrypted_content: text,
      }),
    ),
  }),
  instructions: text,
  max_output_tokens: int,
  reasoning: struct({ effort: word(), summary: word() }),
  temperature: float,
  top_p: float,
  text: struct({ format: struct({ type: word(), name: text, schema: anything }) }),
  truncation: word(),
  tools: list(toolOnOllama),
  stream: bool,
}
const responsesOnLocalai = {
  ...responsesOnOllama,
  tools: list(struct({ ...functionTool, type: word(['function']) })),
  // Which id a caller may name is judged by who was given it.
  previous_response_id: word(/^[\w-]{1,128}$/),
  store: bool,
  tool_choice: either({ string: word(), object: struct({ type: word(), name: text }) }),
  parallel_tool_calls: bool,
  max_tool_calls: int,
  presence_penalty: float,
  frequency_penalty: float,
  top_logprobs: int,
}

const items =
  /^(message|reasoning|additional_tools|(function|custom_tool|local_shell|shell|apply_patch)_call(_output)?)$/
const responsesElsewhere = {
  ...responsesOnLocalai,
  input: either({
    string: text,
    list: list(
      struct({
        type: word(items),
        id: text,
        status: word(),
        role: word(['system', 'developer', 'user', 'assistant']),
        content: blocks,
        call_id: text,
        name: text,
        namespace: text,
        arguments: text,
        input: text,
        action: anything,
        operation: anything,
        output: either({ string: text, list: anything }),
        summary: blocks,
        encrypted_content: text,
        max_output_length: int,
        tools: list(toolElsewhere),
      }),
    ),
  }),
  tools: list(toolElsewhere),
}

const mediaType = word(/^image\/[a-z0-9.+-]{1,32}$/)
const source = struct({ type: word(['base64', 'url']), media_type: mediaType, data: image, url: picture })
const textBlock = struct({ type: word(['text']), text })
const block = {
  type: word(['text', 'image', 'thinking', 'tool_use', 'tool_result', 'server_tool_use']),
  text,
  source,
  thinking: text,
  signature: text,
  id: text,
  name: text,
  input: anything,
  tool_use_id: text,
  is_error: bool,
}
const result = struct({ type: word(['text', 'image']), text, source })
const anyBlock = struct({ ...block, content: either({ string: text, list: list(result) }) })
const searchBlock = struct({ type: word(), tool_use_id: text, content: anything })
const messages = struct({
  model,
  max_tokens: int,
  messages: list(
    struct({
      role: word(['user', 'assistant', 'system']),
      content: either({
        string: text,
        list: list((node, at, found) => {
          const searched = typeOf(node) === 'web_search_tool_result'
          return (searched ? searchBlock : anyBlock)(node, at, found)
        }),
      }),
    }),
  ),
  system: either({ string: text, list: list(textBlock) }),
  stream: bool,
  temperature: float,
  top_p: float,
  top_k: int,
  stop_sequences: oneOrMany(text),
  tools: list(
    struct({
      max_uses: int,
      type: word(/^(web_(search|fetch)_[0-9]{8}|custom|(bash|text_editor|computer|memory)_[0-9]{8})$/),
      name: text,
      description: text,
      input_schema: anything,
    }),
  ),
  tool_choice: struct({ type: word(), name: text }),
  thinking: struct({ type: word(), budget_tokens: int }),
  output_config: struct({ effort: word() }),
})

const transfer = struct({ model, stream: bool })
const files = dictionary(word(/^sha256:[0-9a-f]{64}$/))
const create = struct({
  model,
  from: otherModel,
  files,
  adapters: files,
  template: text,
  license: oneOrMany(text),
  system: text,
  parameters: options,
  messages: list(apiMessage),
  quantize: word(),
  quantization: word(),
  renderer: word(),
  parser: word(),
  stream: bool,
})
const speech = struct({
  model,
  input: text,
  instructions: text,
  voice: word(),
  language: word(),
  response_format: word(),
  speed: float,
})
const picturing = struct({
  model,
  prompt: text,
  n: int,
  size: word(/^\d{1,4}x\d{1,4}$/),
  quality: word(),
  style: word(),
  step: int,
  response_format: word(['b64_json']),
})
const transcription = struct({
  model,
  language: word(/^[A-Za-z]{2,3}(-[A-Za-z]{2,4})?$/),
  prompt: text,
  response_format: word(['json', 'text', 'srt', 'vtt', 'verbose_json']),
  temperature: word(/^\d(\.\d{1,6})?$/),
})

const everywhere: Readonly<Record<string, Route>> = {
  '/api/chat': { body: apiChat, cap: 'options.num_predict' },
  '/api/generate': { body: apiGenerate, cap: 'options.num_predict' },
  '/api/embed': { body: struct({ ...runner, input: oneOrMany(text), dimensions: int }) },
  '/api/embeddings': { body: struct({ ...runner, prompt: text }) },
  '/api/show': { body: struct({ model, verbose: bool }) },
  '/v1/chat/completions': { body: struct(chatElsewhere), cap: 'max_tokens' },
  '/v1/completions': { body: completions, cap: 'max_tokens' },
  '/v1/embeddings': { body: v1Embeddings },
  '/v1/responses': { body: struct(responsesOnLocalai), cap: 'max_output_tokens' },
  '/v1/messages': { body: messages, cap: 'max_tokens' },
  '/v1/messages/count_tokens': { body: messages },
  '/v1/rerank': { body: struct({ model, query: text, documents: list(text), top_n: int }) },
  '/v1/tokenize': { body: struct({ model, content: text }) },
  '/v1/moderations': { body: struct({ model, input: oneOrMany(text) }) },
  '/v1/images/generations': { body: picturing },
  '/v1/audio/speech': { body: speech },
  '/tts': { body: speech },
  '/v1/audio/transcriptions': { body: transcription },
  '/api/pull': { body: transfer },
  '/api/push': { body: transfer },
  '/api/create': { body: create },
  '/api/copy': { body: struct({ source: model, destination: otherModel }) },
  '/api/delete': { body: struct({ model }) },
}
const onOllama = {
  ...everywhere,
  '/v1/chat/completions': { body: struct(chat), cap: 'max_tokens' },
  '/v1/responses': { body: struct(responsesOnOllama), cap: 'max_output_tokens' },
}

const onOthers = {
  ...everywhere,
  '/v1/chat/completions': { body: struct({ ...chatElsewhere, ...chatBeyond }), cap: 'max_tokens' },
  '/v1/completions': { body: struct({ ...completion, ...beyond }), cap: 'max_tokens' },
  '/v1/responses': { body: struct(responsesElsewhere), cap: 'max_output_tokens' },
}
const routesOf: Readonly<Record<ServerKind, Readonly<Record<string, Route>>>> = {
  ollama: onOllama,
  localai: everywhere,
  openai: onOthers,
}

export function routeOf(path: string, server: ServerKind): Route | undefined {
  return routesOf[server][path]
}

const wordOrImage = /^(?:[\w.-]{1,32}|(?:data:image\/png;base64,)?[A-Za-z0-9+/]{64,}={0,2})$/
const bound = new Set(['max_tokens', 'max_output_tokens', 'n', 'keep_alive'])

/** For a route that is not declared: fields of `known` only, and text is whatever is more than one short word. */
export function undeclared(known: JsonObject): Route {
  const rest: Field = (node, at, found: Found) => {
    if (node.kind === 'number') found.numbers.set(at, Number(node.spelled))
    found.texts.set(
      at,
      stringsOf(node).filter((value) => !wordOrImage.test(value)),
    )
  }
  const fields = Object.keys(known).map((key) => [key, bound.has(key) ? int : rest] as const)
  return { body: struct({ ...Object.fromEntries(fields), model }) }
}

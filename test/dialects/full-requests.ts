/** For each route a request in which every field occurs that the route knows; made up by us. */
import type { JsonObject } from '../../src/core/json.ts'

const parameters = {
  type: 'object',
  properties: { city: { type: 'string', description: 'Where', enum: ['Bonn', 'Ulm'] } },
  required: ['city'],
}
const functionTool = { name: 'get_weather', description: 'The weather of a city', parameters }
const pixel =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='

const options = {
  num_keep: 4,
  seed: 7,
  num_predict: 48,
  top_k: 40,
  top_p: 0.9,
  min_p: 0.05,
  typical_p: 1,
  repeat_last_n: 64,
  temperature: 0.5,
  repeat_penalty: 1.1,
  presence_penalty: 0.1,
  frequency_penalty: 0.2,
  stop: ['END'],
  num_ctx: 1024,
}
const sampling = { options, keep_alive: '5m', truncate: true }
const generation = { ...sampling, stream: false, think: 'high', logprobs: true, top_logprobs: 2 }
const openaiSampling = {
  temperature: 0.5,
  top_p: 0.9,
  seed: 7,
  stop: ['END'],
  presence_penalty: 0.1,
  frequency_penalty: 0.2,
  max_tokens: 48,
  stream: true,
  stream_options: { include_usage: true },
}

const anthropicRequest = {
  model: 'smollm2:135m',
  system: [
    { type: 'text', text: 'Be ' },
    { type: 'text', text: 'brief.' },
  ],
  messages: [
    {
      role: 'user',
      content: [
        { type: 'text', text: 'What is this?' },
        { type: 'image', source: { type: 'base64', media_type: 'image/png', data: pixel } },
        { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'A report.' } },
      ],
    },
    {
      role: 'assistant',
      content: [
        { type: 'thinking', thinking: 'I should ask the tool.', signature: 'c2ln' },
        { type: 'tool_use', id: 'toolu_1', name: 'get_weather', input: { city: 'Bonn' } },
        { type: 'server_tool_use', id: 'toolu_2', name: 'web_search', input: { query: 'Bonn' } },
      ],
    },
    {
      role: 'user',
      content: [
        {
          type: 'tool_result',
          tool_use_id: 'toolu_1',
          content: [{ type: 'text', text: '12 °C' }],
          is_error: false,
        },
        { type: 'web_search_tool_result', tool_use_id: 'toolu_2', content: 'Bonn is cold.' },
      ],
    },
    { role: 'system', content: 'Answer in German.' },
  ],
  temperature: 0.5,
  top_p: 0.9,
  top_k: 40,
  stop_sequences: ['END'],
  tools: [
    { type: 'custom', name: 'get_weather', description: 'The weather of a city', input_schema: parameters },
  ],
  tool_choice: { type: 'tool', name: 'get_weather' },
  thinking: { type: 'enabled', budget_tokens: 1024 },
  output_config: { effort: 'high' },
}

const speech = {
  model: 'mock-tts',
  input: 'Good morning.',
  instructions: 'Speak slowly.',
  voice: 'alloy',
  language: 'en',
  response_format: 'wav',
  speed: 1,
}

const transfer = {
  model: 'smollm2:135m',
  name: '',
  insecure: false,
  username: '',
  password: '',
  stream: false,
}
const digest = `sha256:${'0'.repeat(64)}`

export const fullRequests: Readonly<Record<string, JsonObject>> = {
  '/api/chat': {
    model: 'smollm2:135m',
    messages: [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Weather in Bonn?', images: [pixel] },
      {
        role: 'assistant',
        content: '',
        thinking: 'I should ask the tool.',
        tool_calls: [
          { id: 'call_1', function: { index: 0, name: 'get_weather', arguments: { city: 'Bonn' } } },
        ],
      },
      { role: 'tool', content: '12 °C', tool_name: 'get_weather', tool_call_id: 'call_1' },
    ],
    tools: [{ type: 'function', items: {}, function: functionTool }],
    format: parameters,
    max_output_tokens: 100,
    ...generation,
  },
  '/api/generate': {
    model: 'smollm2:135m',
    prompt: 'Name three colours.',
    suffix: 'Those were three.',
    system: 'Be brief.',
    template: '',
    context: [],
    raw: false,
    images: [pixel],
    format: 'json',
    ...generation,
  },
  '/api/embed': { model: 'all-minilm', input: ['a', 'b'], dimensions: 64, ...sampling },
  '/api/embeddings': { model: 'all-minilm', prompt: 'a', ...sampling },
  '/api/show': { model: 'smollm2:135m', name: '', verbose: true },
  '/v1/chat/completions': {
    model: 'smollm2:135m',
    messages: [
      { role: 'developer', content: 'Be brief.' },
      {
        role: 'user',
        name: 'anna',
        content: [
          { type: 'text', text: 'What is this?' },
          { type: 'image_url', image_url: { url: `data:image/png;base64,${pixel}` } },
        ],
      },
      {
        role: 'assistant',
        content: null,
        reasoning: 'I should ask the tool.',
        tool_calls: [
          {
            id: 'call_1',
            type: 'function',
            index: 0,
            function: { name: 'get_weather', arguments: '{"city":"Bonn"}' },
          },
        ],
      },
      { role: 'tool', content: '12 °C', tool_call_id: 'call_1' },
      { role: 'assistant', content: [{ type: 'refusal', refusal: 'No more.' }] },
    ],
    tools: [{ type: 'function', function: functionTool }],
    max_completion_tokens: 40,
    n: 2,
    parallel_tool_calls: true,
    tool_choice: { type: 'function', function: { name: 'get_weather' } },
    response_format: { type: 'json_schema', json_schema: { schema: parameters } },
    reasoning_effort: 'high',
    reasoning: { effort: 'high' },
    logprobs: true,
    top_logprobs: 2,
    ...openaiSampling,
  },
  '/v1/completions': {
    model: 'smollm2:135m',
    prompt: 'Name three colours.',
    suffix: 'Those were three.',
    logprobs: 1,
    ...openaiSampling,
  },
  '/v1/embeddings': { model: 'all-minilm', input: 'a', encoding_format: 'base64', dimensions: 64 },
  '/v1/responses': {
    model: 'smollm2:135m',
    instructions: 'Be brief.',
    input: [
      { role: 'developer', content: 'Answer in German.' },
      {
        type: 'message',
        id: 'msg_1',
        role: 'user',
        content: [
          { type: 'input_text', text: 'What is ' },
          { type: 'input_text', text: 'this?' },
          { type: 'input_image', image_url: `data:image/png;base64,${pixel}` },
        ],
      },
      {
        type: 'reasoning',
        id: 'rs_1',
        summary: [{ type: 'summary_text', text: 'A picture.' }],
        content: [{ type: 'reasoning_text', text: 'I should ask the tool.' }],
        encrypted_content: 'I should ask the tool.',
      },
      {
        type: 'function_call',
        id: 'fc_1',
        call_id: 'call_1',
        name: 'get_weather',
        namespace: 'weather',
        arguments: '{"city":"Bonn"}',
      },
      { type: 'function_call_output', id: 'fco_1', call_id: 'call_1', output: '12 °C' },
      {
        type: 'message',
        role: 'assistant',
        content: [
          { type: 'output_text', text: 'It is cold.' },
          { type: 'refusal', refusal: 'No more.' },
        ],
      },
    ],
    tools: [
      { type: 'function', ...functionTool },
      {
        type: 'namespace',
        name: 'weather',
        description: 'All about weather',
        tools: [{ type: 'function', ...functionTool }],
      },
    ],
    max_output_tokens: 48,
    reasoning: { effort: 'high', summary: 'auto' },
    temperature: 0.5,
    top_p: 0.9,
    text: { format: { type: 'json_schema', name: 'weather', schema: parameters } },
    truncation: 'auto',
    stream: true,
    background: false,
    conversation: '',
    previous_response_id: '',
    store: true,
    tool_choice: { type: 'function', name: 'get_weather' },
    parallel_tool_calls: false,
    max_tool_calls: 3,
    presence_penalty: 0.1,
    frequency_penalty: 0.2,
    top_logprobs: 2,
    prompt: '',
  },
  '/v1/messages': { ...anthropicRequest, max_tokens: 48, stream: true },
  '/v1/messages/count_tokens': { ...anthropicRequest, max_tokens: 48, stream: false },
  '/v1/rerank': {
    model: 'mock-rerank',
    query: 'Which is a colour?',
    documents: ['red', 'seven'],
    top_n: 1,
  },
  '/v1/tokenize': { model: 'mock-chat', content: 'Name three colours.' },
  '/v1/moderations': { model: 'mock-chat', input: ['Name three colours.'] },
  '/v1/images/generations': {
    model: 'mock-image',
    prompt: 'a cat',
    n: 2,
    size: '64x64',
    quality: 'low',
    style: 'vivid',
    step: 20,
  },
  '/v1/audio/speech': speech,
  '/tts': speech,
  '/v1/audio/transcriptions': {
    model: 'mock-stt',
    language: 'de',
    prompt: 'A talk about weather.',
    response_format: 'json',
    temperature: '0.2',
  },
  '/api/pull': transfer,
  '/api/push': transfer,
  '/api/create': {
    model: 'mario',
    name: '',
    from: 'smollm2:135m',
    files: { 'model.gguf': digest },
    adapters: { 'adapter.gguf': digest },
    template: '{{ .Prompt }}',
    license: ['MIT'],
    system: 'You are a plumber.',
    parameters: options,
    messages: [{ role: 'user', content: 'Who are you?' }],
    quantize: 'q4_K_M',
    quantization: 'q4_K_M',
    renderer: 'chatml',
    parser: 'chatml',
    stream: false,
    remote_host: '',
    remote_model: '',
    modelfile: '',
    path: '',
  },
  '/api/copy': { source: 'smollm2:135m', destination: 'mario' },
  '/api/delete': { model: 'mario', name: '' },
  '/poems': { model: 'poet', theme: 'rain', tokens: 90 },
}

/**
 * Sessions of four coding agents in their wire formats, with prompts of our own: every request of a small task, from the
 * first to the one after the last tool result. What the formats are was learnt from recordings of the real ones.
 */
import type { JsonObject } from '../../src/core/json.ts'

export interface Step {
  readonly does: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: JsonObject
}

const model = 'smollm2:135m'
const schema = (...names: string[]) => ({
  type: 'object',
  properties: Object.fromEntries(names.map((name) => [name, { type: 'string' }])),
  required: names,
  additionalProperties: false,
})

export const patch = `*** Begin Patch
*** Update File: src/greet.ts
@@
-export const greeting = 'Hello'
+export const greeting = 'Good day'
*** End Patch`

const said = (role: string, text: string) => ({
  type: 'message',
  id: `msg_${role}_${text.length}`,
  role,
  content: [{ type: role === 'assistant' ? 'output_text' : 'input_text', text }],
})
const functionTool = (name: string, ...args: string[]) => ({
  type: 'function',
  name,
  description: `Does what its name says: ${name}.`,
  strict: false,
  parameters: schema(...args),
})
export const applyPatch = {
  type: 'custom',
  name: 'apply_patch',
  description: 'Changes files. Give the patch as it is, without JSON around it.',
  format: {
    type: 'grammar',
    syntax: 'lark',
    definition: 'start: begin change+ end\nbegin: "*** Begin Patch"',
  },
}
const codexTools = [
  functionTool('exec_command', 'cmd', 'workdir'),
  functionTool('update_plan', 'plan'),
  functionTool('view_image', 'path'),
  {
    type: 'namespace',
    name: 'multi_agent',
    description: 'Further agents.',
    tools: [functionTool('spawn_agent', 'message'), functionTool('close_agent', 'target')],
  },
  applyPatch,
  { type: 'web_search', external_web_access: false },
]
const codexHeaders = { accept: 'text/event-stream', originator: 'codex_exec', 'session-id': 'session-1' }
const codexTurn = (input: readonly JsonObject[], tools: readonly JsonObject[] = codexTools): JsonObject => ({
  model,
  input: [...input],
  tools: [...tools],
  tool_choice: 'auto',
  parallel_tool_calls: true,
  reasoning: { effort: 'medium', summary: 'auto' },
  store: false,
  stream: true,
  include: ['reasoning.encrypted_content'],
  prompt_cache_key: 'session-1',
  client_metadata: { session_id: 'session-1' },
})
const begun = [
  said('developer', 'You write code for the person who asks. Keep changes small.'),
  said('user', '<environment_context>\n  <cwd>/src/project</cwd>\n</environment_context>'),
  said('user', 'Make the greeting more formal.'),
]
const read = [
  { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: 'The greeting stands in one file.' },
  {
    type: 'function_call',
    id: 'fc_1',
    status: 'completed',
    call_id: 'call_1',
    name: 'exec_command',
    arguments: '{"cmd":"cat src/greet.ts","workdir":"."}',
  },
  {
    type: 'function_call_output',
    id: 'fco_1',
    call_id: 'call_1',
    output: "Exit code: 0\nOutput:\nexport const greeting = 'Hello'\n",
  },
]
const patched = [
  {
    type: 'custom_tool_call',
    id: 'ctc_1',
    status: 'completed',
    call_id: 'call_2',
    name: 'apply_patch',
    input: patch,
  },
  { type: 'custom_tool_call_output', call_id: 'call_2', output: 'Done. Changed src/greet.ts' },
]
const shelled = [
  {
    type: 'local_shell_call',
    id: 'lsh_1',
    call_id: 'call_3',
    status: 'completed',
    action: { type: 'exec', command: ['npm', 'test'], env: {}, working_directory: '/src/project' },
  },
  { type: 'local_shell_call_output', id: 'call_3', output: '{"output":"4 tests passed","exit_code":0}' },
]
const codexStep = (does: string, body: JsonObject): Step => ({
  does,
  path: '/v1/responses',
  headers: codexHeaders,
  body,
})
export const codex: readonly Step[] = [
  codexStep('asks', codexTurn(begun)),
  codexStep('has read a file', codexTurn([...begun, ...read])),
  codexStep('has changed it', codexTurn([...begun, ...read, ...patched])),
  codexStep('has run the tests', codexTurn([...begun, ...read, ...patched, ...shelled])),
  codexStep(
    'goes on with tools that stand in the conversation',
    codexTurn([{ type: 'additional_tools', role: 'developer', tools: codexTools }, ...begun], []),
  ),
  codexStep(
    'shortens the conversation',
    codexTurn([...begun, ...read, said('user', 'Sum up what was done so far, for whoever goes on.')], []),
  ),
]

const cached = { cache_control: { type: 'ephemeral' } }
const claudeTool = (name: string, ...args: string[]) => ({
  name,
  description: `Does what its name says: ${name}.`,
  input_schema: { $schema: 'https://json-schema.org/draft/2020-12/schema', ...schema(...args) },
})
const claudeTools = [
  claudeTool('Bash', 'command', 'description'),
  claudeTool('Read', 'file_path'),
  claudeTool('Edit', 'file_path', 'old_string', 'new_string'),
  claudeTool('Write', 'file_path', 'content'),
  claudeTool('Grep', 'pattern'),
  { ...claudeTool('WebSearch', 'query'), ...cached },
]
const claudeHeaders = {
  'anthropic-version': '2023-06-01',
  'anthropic-beta': 'claude-code-20250219,interleaved-thinking-2025-05-14',
  'user-agent': 'claude-cli/2.1 (external, cli)',
  'x-app': 'cli',
}
const claudeTurn = (messages: readonly JsonObject[], more: JsonObject = {}): JsonObject => ({
  model,
  max_tokens: 32000,
  messages: [...messages],
  system: [
    { type: 'text', text: 'You write code on the command line.' },
    { type: 'text', text: 'Working folder: /src/project', ...cached },
  ],
  tools: [...claudeTools],
  metadata: { user_id: 'user_1_session_1' },
  thinking: { type: 'enabled', budget_tokens: 8000 },
  context_management: { edits: [{ type: 'clear_thinking_20251015', keep: 'all' }] },
  stream: true,
  ...more,
})
const reminder = '<system-reminder>\nThe list of things to do is empty.\n</system-reminder>'
const asked = {
  role: 'user',
  content: [
    { type: 'text', text: reminder },
    { type: 'text', text: 'Make the greeting more formal.', ...cached },
  ],
}
const edited = [
  {
    role: 'assistant',
    content: [
      { type: 'thinking', thinking: 'The greeting stands in one file.', signature: 'c2lnbmVk' },
      { type: 'text', text: 'I change it.' },
      {
        type: 'tool_use',
        id: 'toolu_1',
        name: 'Edit',
        input: { file_path: 'src/greet.ts', old_string: "'Hello'", new_string: "'Good day'" },
      },
    ],
  },
  {
    role: 'user',
    content: [
      { type: 'tool_result', tool_use_id: 'toolu_1', content: 'The file was changed.', ...cached },
      { type: 'text', text: reminder },
    ],
  },
]
const claudeStep = (does: string, body: JsonObject, path = '/v1/messages?beta=true'): Step => ({
  does,
  path,
  headers: claudeHeaders,
  body,
})
const { stream: _stream, max_tokens: _tokens, metadata: _metadata, ...counted } = claudeTurn([asked])
export const claudeCode: readonly Step[] = [
  claudeStep('looks whether it may ask', {
    model,
    max_tokens: 1,
    messages: [{ role: 'user', content: 'quota' }],
    metadata: { user_id: 'user_1_session_1' },
  }),
  claudeStep('counts', counted, '/v1/messages/count_tokens?beta=true'),
  claudeStep('asks', claudeTurn([asked])),
  claudeStep('has changed a file', claudeTurn([asked, ...edited])),
  claudeStep(
    'searches the web',
    claudeTurn([{ role: 'user', content: 'Search the web for: formal greetings' }], {
      tools: [{ type: 'web_search_20250305', name: 'web_search', max_uses: 8 }],
      tool_choice: { type: 'tool', name: 'web_search' },
    }),
  ),
]

const chatTool = (name: string, ...args: string[]) => ({
  type: 'function',
  function: { name, description: `Does what its name says: ${name}.`, parameters: schema(...args) },
})
const opencodeTurn = (messages: readonly JsonObject[], more: JsonObject = {}): JsonObject => ({
  model,
  max_tokens: 32000,
  messages: [{ role: 'system', content: 'You write code in a terminal.' }, ...messages],
  tools: [
    chatTool('bash', 'command', 'description'),
    chatTool('edit', 'filePath', 'oldString', 'newString'),
    chatTool('read', 'filePath'),
    chatTool('todowrite', 'todos'),
    chatTool('webfetch', 'url', 'format'),
  ],
  tool_choice: 'auto',
  stream: true,
  stream_options: { include_usage: true },
  ...more,
})
const opencodeHeaders = { 'user-agent': 'opencode/1.4', 'x-session-affinity': 'session-1' }
const opencodeStep = (does: string, body: JsonObject): Step => ({
  does,
  path: '/v1/chat/completions',
  headers: opencodeHeaders,
  body,
})
export const opencode: readonly Step[] = [
  opencodeStep('asks for a title', {
    model,
    max_tokens: 32000,
    temperature: 0.5,
    messages: [
      { role: 'system', content: 'You name conversations in six words at most.' },
      { role: 'user', content: 'Name this conversation:\n' },
      { role: 'user', content: 'Make the greeting more formal.' },
    ],
    stream: true,
    stream_options: { include_usage: true },
  }),
  opencodeStep('asks', opencodeTurn([{ role: 'user', content: 'Make the greeting more formal.' }])),
  opencodeStep(
    'has changed a file',
    opencodeTurn([
      { role: 'user', content: 'Make the greeting more formal.' },
      {
        role: 'assistant',
        content: '',
        tool_calls: [
          {
            id: 'call_1',
            type: 'function',
            function: {
              name: 'edit',
              arguments: '{"filePath":"src/greet.ts","oldString":"Hello","newString":"Good day"}',
            },
          },
        ],
      },
      { role: 'tool', tool_call_id: 'call_1', content: 'Edited.' },
    ]),
  ),
]

const aiderTurns: JsonObject[] = [
  {
    role: 'system',
    content:
      'You change the code that you are given. Answer with every changed file, whole, its name on a line of its own before it.',
  },
  { role: 'user', content: 'You will be given files, and no others than those may be changed.' },
  { role: 'assistant', content: 'Understood: those files and no others.' },
  {
    role: 'user',
    content: "src/greet.ts\n```\nexport const greeting = 'Hello'\n```\nMake the greeting more formal.",
  },
]
const aiderStep = (does: string, path: string, body: JsonObject): Step => ({
  does,
  path,
  headers: { 'user-agent': path.startsWith('/api') ? 'litellm/1.81' : 'OpenAI/Python 2.20' },
  body: { model, ...body },
})
const aiderOptions = { temperature: 0, num_ctx: 9004 }
/** By each of the three ways in which it can be set up. */
export const aider: readonly Step[] = [
  aiderStep('asks as OpenAI', '/v1/chat/completions', { messages: aiderTurns, stream: true, temperature: 0 }),
  aiderStep('asks about its model', '/api/show', { name: model }),
  aiderStep('asks as Ollama chats', '/api/chat', {
    messages: aiderTurns.map((turn) => ({ ...turn, images: [] })),
    options: aiderOptions,
    stream: true,
  }),
  aiderStep('asks as Ollama completes', '/api/generate', {
    prompt: aiderTurns.map(({ role, content }) => `### ${role}:\n${content}\n`).join('\n'),
    options: aiderOptions,
    stream: true,
    images: [],
  }),
]

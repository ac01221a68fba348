/** The key `roles`: the routes, models, limits, caps and tools of a role. */
import Type from 'typebox'
import { features, routeGroups } from '../../dialects/dialect.ts'
import { roleGuards } from './guards.ts'
import { person } from './persons.ts'
import {
  aWhile,
  choice,
  count,
  countOf,
  countOrUnlimited,
  duration,
  flag,
  group,
  mapOf,
  optional,
  percentage,
  purpose,
  section,
  size,
  text,
  texts,
} from './types.ts'

/** Limits that several callers share: those of a role, of a model, and of all callers. */
export const sharedLimits = {
  requestsPerMinute: optional(count('Requests that need a model, in any 60 seconds.')),
  tokensPerMinute: optional(count('Input and output tokens, in any 60 seconds.')),
  tokensPerDay: optional(count('Input and output tokens, in any 24 hours.')),
  concurrent: optional(count('Concurrent requests.')),
}

const limits = section(
  'Limits for each key of the role. An absent limit does not limit, except `requestsPerMinute`.',
  {
    mode: choice(
      ['enforce', 'observe'],
      'enforce',
      '`observe`: these limits, the circuit breaker, and those in `shared` refuse nothing and make nothing wait; what they would have refused is recorded. Limits that other roles share (`limits`, `models`, `groups`), and budgets of tokens, are enforced.',
    ),
    requestsPerMinute: countOrUnlimited('Requests that need a model, in any 60 seconds.', 10),
    probesPerMinute: optional(
      count('Requests that need no model, in any 60 seconds: lists, `/api/show`, versions.'),
    ),
    tokensPerMinute: optional(count('Input and output tokens, in any 60 seconds.')),
    tokensPerDay: optional(count('Input and output tokens, in any 24 hours.')),
    concurrent: optional(count('Concurrent requests.')),
    waiting: countOf(
      'Requests above `concurrent` that wait for a slot, for up to `queue.wait`, instead of being refused. `0` refuses at once.',
      8,
    ),
    actionsPerMinute: optional(
      count(
        'Requests and tool calls, in any 60 seconds. Above it the circuit breaker opens for one minute, then two, up to an hour.',
      ),
    ),
    repetition: optional(
      group('Stops an agent that repeats the same prompt, or the same tool call with the same arguments.', {
        same: Type.Integer({
          minimum: 2,
          maximum: 1000,
          description: 'How often the same prompt or tool call may occur.',
        }),
        window: duration('The period in which repetitions are counted.', undefined, aWhile),
      }),
    ),
    perPerson: optional(group('Limits for each person behind a key, beside those of the key.', sharedLimits)),
  },
)

const caps = section('Upper bounds for one request.', {
  // Node cannot hold a longer text in one string.
  body: size('Size of the request body.', '1MiB', { min: '1B', max: '511MiB' }),
  outputTokens: countOf('Tokens in one response. A request for more is lowered to this.', 4096, 1),
  contextTokens: countOf(
    'Context length (`num_ctx`) that a request may ask for. A request for more is lowered to this.',
    32768,
    1,
  ),
  sound: duration(
    'Sound in one realtime session, of both directions together. Guards do not read sound. With `0s`, sessions have text only.',
    '0s',
  ),
  images: countOf('Images in one request. Guards do not read what an image shows.', 0),
  imageBytes: size('Total size of the decoded images of one request.', '8MiB'),
  choices: countOf('Choices for one prompt (`n`). A request for more is lowered to this.', 1, 1),
  inputs: countOf('Texts in one embeddings request. Each is answered with a vector.', 2048, 1),
  stops: countOf('Stop sequences in one request.', 16),
  tools: countOf('Tool definitions in one request.', 256),
  schema: size('Size of the JSON Schema that a response must follow.', '64KiB'),
  keepAlive: section(
    'How long a request may keep its model loaded (`keep_alive`). A value outside is moved to the nearest bound.',
    {
      min: duration('Lower bound. Above `0s` no request can unload a model, which all callers share.', '30s'),
      max: duration('Upper bound, so that no caller keeps a model in memory for good.', '1h'),
    },
  ),
})

const admin = section('For roles with the route group `admin`, which can change the models of the server.', {
  registries: Type.Array(Type.String({ minLength: 1 }), {
    description: 'Registries that models may be pulled from and pushed to. `models` says which models.',
    default: ['registry.ollama.ai'],
  }),
  blob: size('Size of one uploaded model file.', '16GiB'),
})

const tools = group('Rules for tool calls. Absent: tool calls are recorded and not restricted.', {
  mode: choice(
    ['enforce', 'observe'],
    'enforce',
    '`observe`: every call passes, and every tool is offered; what would have been refused, or asked of a human, is recorded. Tokens that name tools are held to these rules all the same.',
  ),
  allow: texts('Tools that may be offered to the model and called. `*` matches any characters.'),
  approve: texts(
    'Tools whose calls need a human’s approval, whether or not `allow` names them. See `approval`.',
  ),
  otherwise: choice(
    ['refuse', 'strip'],
    'refuse',
    'What happens to a call of any other tool, or with arguments that break the rules: `refuse` refuses the response, `strip` removes the call from it.',
  ),
  arguments: mapOf(
    Type.Unknown(),
    'Rules for arguments, by tool name or pattern. All patterns that match a tool apply. Each is a JSON Schema (with `type: object`), or a short rule for each argument: a pattern (`path: "^/data/"`, RE2), a value, a list of values, or `{ min, max, maxLength, pattern, in, optional }`.',
  ),
})

/** One entry of `roles`. */
export const role = group('A role. Each key has one.', {
  routes: Type.Array(Type.Enum([...routeGroups]), {
    description: 'Route groups that the role may use. Absent: none.',
    default: [],
  }),
  models: texts(
    'Models that the role may use, by canonical name. `*` matches any characters within one part. Absent: none.',
  ),
  limits,
  shared: section('Limits for all keys of the role together.', sharedLimits),
  person: optional(person),
  group: optional(text('Group, of `groups`, whose budget the role’s keys use up.')),
  purpose: optional(purpose('What the role’s keys are for. In every record and in `torwart access`.')),
  marking: choice(
    ['off', 'ai-generated'],
    'off',
    'Whether generated responses have the header `x-torwart-marking: ai-generated`.',
  ),
  caps,
  allow: Type.Array(Type.Enum([...features]), {
    description:
      'Features that bypass the prompt format or that no guard can read: `raw` and `template` prompts (`template` also shows a model’s own template in `/api/show`), token `context`, images by URL (`mediaUrls`), and searches that the model server runs (`webSearch`).',
    default: [],
  }),
  strict: flag(
    'Refuse a request when a field its caller relies on cannot be forwarded: `previous_response_id` for a server that does not support it, or a `web_search` tool. Otherwise the field is dropped and named in `x-torwart-left-out`.',
  ),
  admin,
  guards: optional(roleGuards),
  enforce: optional(
    percentage(
      'Share of the role’s keys for which everything that is set to `observe` is enforced already (a canary). A key stays on its side: its id decides.',
    ),
  ),
  separate: optional(Type.Boolean({ description: 'Overrides `guards.prompt.separate` for this role.' })),
  trustSystem: flag(
    'Do not scan system and developer messages, because you wrote them. Do not use it for agents that paste project files into the system prompt (opencode pastes AGENTS.md): their contents then bypass the prompt guard.',
  ),
  trustIds: flag('Record the headers `x-agent-id` and `x-session-id`, which the caller chooses.'),
  audit: section('What the audit log keeps of this role’s requests.', {
    content: optional(
      Type.Enum(['masked', 'none'], { description: 'Overrides `audit.content` for this role.' }),
    ),
  }),
  tools: optional(tools),
})

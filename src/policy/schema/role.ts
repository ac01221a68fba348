/** What one role may do: routes, models, limits, caps, tools. */
import Type from 'typebox'
import { features, routeGroups } from '../../dialects/dialect.ts'
import { roleGuards } from './guards.ts'
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
  section,
  size,
  texts,
} from './types.ts'

const limits = section(
  'How much each key of the role may have. A limit that is absent does not limit, except `requestsPerMinute`.',
  {
    requestsPerMinute: countOrUnlimited('Requests that make a model work, in any 60 seconds.', 10),
    probesPerMinute: optional(count('Lists, `/api/show`, versions: requests that cost no generation.')),
    tokensPerMinute: optional(count('Tokens read and written, in any 60 seconds.')),
    tokensPerDay: optional(count('Tokens read and written, in any 24 hours.')),
    concurrent: optional(count('Requests at the same time.')),
    waiting: countOf(
      'Requests over `concurrent` that wait for their turn, for `queue.wait` at most, instead of being refused.',
      8,
    ),
    actionsPerMinute: optional(
      count(
        'Requests and tool calls; over it the circuit breaker opens, for a minute, then two, up to an hour.',
      ),
    ),
    repetition: optional(
      group(
        'Stops an agent that sends the same thing, or calls a tool with the same arguments, again and again.',
        {
          same: Type.Integer({
            minimum: 2,
            maximum: 1000,
            description: 'How often the same prompt or tool call may come.',
          }),
          window: duration('In what time.', undefined, aWhile),
        },
      ),
    ),
  },
)

/** What several callers share: a role, a model, the whole gate. */
export const sharedLimits = {
  requestsPerMinute: optional(count('Requests that make a model work, in any 60 seconds.')),
  tokensPerMinute: optional(count('Tokens read and written, in any 60 seconds.')),
  tokensPerDay: optional(count('Tokens read and written, in any 24 hours.')),
  concurrent: optional(count('Requests at the same time.')),
}

const caps = section('How large one request may be.', {
  // What is longer cannot be one string in Node.
  body: size('Bytes of a request body.', '1MiB', { min: '1B', max: '511MiB' }),
  outputTokens: countOf('Tokens one answer may have; a request that asks for more is lowered.', 4096, 1),
  contextTokens: countOf('The largest context (`num_ctx`) a request may ask for.', 32768, 1),
  images: countOf('Images in one request. No guard reads what they show.', 0),
  imageBytes: size('Bytes of all images of one request, decoded.', '8MiB'),
  choices: countOf('Answers to one prompt (`n`); a request that asks for more is lowered.', 1, 1),
  inputs: countOf('Texts in one request for embeddings: each comes back as a vector.', 2048, 1),
  stops: countOf('Stop sequences in one request.', 16),
  tools: countOf('Tools in one request.', 256),
  schema: size('The largest JSON Schema an answer may be asked to follow.', '64KiB'),
  keepAlive: section(
    'How long a request may keep its model loaded (`keep_alive`); what is outside is moved to the nearest bound.',
    {
      min: duration('At least; above `0s` no request can unload a model, which all callers share.', '30s'),
      max: duration('At most, so that nobody pins a model in memory.', '1h'),
    },
  ),
})

const admin = section('For roles whose `routes` name `admin`: changing which models the server has.', {
  registries: Type.Array(Type.String({ minLength: 1 }), {
    description:
      'Where models may be pulled from and pushed to. The models themselves are those of `models`.',
    default: ['registry.ollama.ai'],
  }),
  blob: size('Bytes of one uploaded model file.', '16GiB'),
})

const tools = group('Tool calls. Absent: recorded, not gated.', {
  allow: texts('Tools that may be offered and called; `*` stands for any characters.'),
  approve: texts('Tools whose calls need a human’s yes, be they allowed or not. See `approval`.'),
  otherwise: choice(
    ['refuse', 'strip'],
    'refuse',
    'What happens to a call of any other tool, or with other arguments: the answer is refused, or the call taken out of it.',
  ),
  arguments: mapOf(
    Type.Unknown(),
    'What the arguments of tools must be, by pattern; all patterns that match a tool hold. A JSON Schema (with `type: object`), or short rules by argument: a pattern (`path: "^/data/"`, RE2), a value, a list of values, or `{ min, max, maxLength, pattern, in, optional }`.',
  ),
})

export const role = group('A role, which keys name.', {
  routes: Type.Array(Type.Enum([...routeGroups]), {
    description: 'Groups of routes. Absent: none.',
    default: [],
  }),
  models: texts('Models, by canonical name; `*` stands for any characters within one part. Absent: none.'),
  limits,
  shared: section('How much all keys of the role may have together.', sharedLimits),
  caps,
  allow: Type.Array(Type.Enum([...features]), {
    description:
      'What goes around the prompt format or cannot be read by any guard: `raw` and `template` prompts (`template` shows a model’s own in `/api/show`, too), token `context`, images by `mediaUrls`, searches that the model server makes by `webSearch`.',
    default: [],
  }),
  strict: flag(
    'Refuse a request that would be forwarded without something its caller counts on: `previous_response_id` before a server that does not read it, a `web_search` tool. Otherwise it is left out, and `x-torwart-left-out` names it.',
  ),
  admin,
  guards: optional(roleGuards),
  separate: optional(Type.Boolean({ description: 'Instead of `guards.prompt.separate`, for this role.' })),
  trustSystem: flag(
    'Do not scan system and developer messages: their author is the operator. Agents that put files of a project there (opencode: AGENTS.md) carry what a stranger wrote past the prompt guard.',
  ),
  trustIds: flag('Record what callers say in `x-agent-id` and `x-session-id`.'),
  audit: section('What the audit log keeps of the role’s requests.', {
    content: optional(
      Type.Enum(['masked', 'none'], { description: 'Instead of the `audit.content` of all others.' }),
    ),
  }),
  tools: optional(tools),
})

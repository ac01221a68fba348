/** The key `guards`, for all requests and as a role overrides it. */
import Type from 'typebox'
import {
  choice,
  duration,
  flag,
  group,
  hosts,
  mapOf,
  optional,
  overriding,
  section,
  text,
  texts,
} from './types.ts'

const guardModel = group(
  'A guard model that is asked about flagged texts. It can escalate a flag to a block; it never clears one.',
  {
    upstream: text(
      'Name of the upstream that serves the model. Flagged texts of all callers are sent there.',
    ),
    name: text(
      'Name of the model: Llama Guard, Granite Guardian, ShieldGemma, or another that answers like one of them.',
    ),
    prompt: optional(
      Type.String({
        minLength: 1,
        maxLength: 4096,
        description:
          'The question, which contains `{text}` once. Absent: the text alone, which is what guard models expect.',
      }),
    ),
    when: choice(
      ['flagged', 'untrusted', 'all'],
      'flagged',
      '`flagged` asks about flagged texts only; `untrusted` also about every tool result, document and tool definition; `all` about every text.',
    ),
    timeout: duration(
      'Time limit for all questions of one request. Loading a model takes longer than this: keep the model loaded.',
      '2s',
      { min: '1ms', max: '30s' },
    ),
  },
)

/** The key `guards.prompt`. */
export const promptGuard = section('Inspects what is sent to the model.', {
  mode: choice(
    ['enforce', 'observe', 'off'],
    'enforce',
    '`enforce` acts on findings; `observe` records them and lets everything pass; `off` does not inspect.',
  ),
  block: choice(
    ['low', 'medium', 'high'],
    'high',
    'Minimum severity at which a prompt is blocked. Findings close to each other add up.',
  ),
  flag: choice(['low', 'medium', 'high'], 'medium', 'Minimum severity at which a prompt is flagged.'),
  packs: texts('Files with your own signatures, in the format of `src/detect/injection/packs`.'),
  disable: texts('Ids of signatures to disable.'),
  severities: mapOf(
    Type.Enum(['low', 'medium', 'high'], { description: 'The new severity.' }),
    'Severity by signature id, instead of the one in its pack.',
  ),
  separate: flag(
    'Spotlighting: put tool results and documents between random delimiters, and tell the model in the system prompt that they are data. The model server can then no longer reuse its prompt cache.',
  ),
  datamark: flag('With `separate`: also replace every space in such data by `ˆ`.'),
  model: optional(guardModel),
})

/** What happens to a finding that can be cut out of a response. */
export const personalData = section(
  'Personal data that only a policy can tell from other words. It is masked in records, and counts as `pii` in responses (`guards.output.pii`). Numbers, addresses and whatever else has a form of its own are masked without it.',
  {
    names: choice(
      ['off', 'known', 'labelled'],
      'off',
      '`known` masks the names of `namesFile` wherever they stand, in any case, with or without accents. `labelled` masks them too, and names behind a label, a salutation or a title (`Patient: …`, `Dear …`, `Frau …`), which finds names of products as well.',
    ),
    namesFile: optional(
      text(
        'File with names of people or customers, one per line; lines that begin with `#` are comments. At most 50,000 names and 4 MiB. Read again when it changes.',
      ),
    ),
  },
)

const cutting = (standard: 'off' | 'flag' | 'redact' | 'block', description: string) =>
  choice(['off', 'flag', 'redact', 'block'], standard, description)
const judging = (description: string) => choice(['off', 'flag', 'block'], 'flag', description)

/** The key `guards.output`. */
export const outputGuard = section('Inspects what the model sends back.', {
  mode: choice(
    ['enforce', 'observe', 'off'],
    'enforce',
    '`enforce` acts on findings; `observe` records them and lets everything pass; `off` does not inspect.',
  ),
  secrets: cutting('redact', 'Keys, passwords and tokens in responses. `block` ends the response.'),
  pii: cutting('off', 'Personal data in responses.'),
  toolArguments: optional(
    Type.Enum(['off', 'flag', 'redact', 'block'], {
      description:
        'Replaces `secrets` and `pii` for the arguments of tool calls. The tool receives the redacted value. Absent: `secrets` and `pii` apply.',
    }),
  ),
  injection: judging('Signs that the response follows an injection.'),
  links: section('Links and images in responses that could send data to other hosts.', {
    allow: hosts('Hosts that links may point to. `*.example.org` covers every subdomain.'),
    otherwise: cutting(
      'redact',
      'What happens to other hosts: images with any query string, links with a long one.',
    ),
  }),
  controls: cutting('redact', 'Terminal escape sequences, control characters and invisible characters.'),
  scripts: judging('Code that a browser would run: `<script>`, `javascript:`, event handlers.'),
  theft: judging('Twelve or more consecutive words of the request’s own system prompt.'),
  schema: choice(
    ['off', 'flag', 'block'],
    'off',
    'Responses that were asked for as JSON or by a JSON Schema, and arguments of tool calls, that do not fit it.',
  ),
  canary: flag('Insert a random marker into the system prompt, and block a response that repeats it.'),
})

/** The part of `guards` that a role overrides. */
export const roleGuards = group(
  'Overrides single keys of `guards` for this role. Lists are replaced as a whole. `torwart access` shows the result.',
  { prompt: optional(overriding(promptGuard)), output: optional(overriding(outputGuard)) },
)

/** What is read and judged: of all requests, and of those of a role. */
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

const guardModel = group('A guard model that is asked about what is flagged, and can turn it into a block.', {
  upstream: text('The name of the upstream that serves it. What is flagged goes there, whoever said it.'),
  name: text('Llama Guard, Granite Guardian, ShieldGemma or another that answers like one of them.'),
  prompt: optional(
    Type.String({
      minLength: 1,
      maxLength: 4096,
      description:
        'What it is asked, with `{text}` once in it. Absent: the text itself, as a guard expects it.',
    }),
  ),
  when: choice(
    ['flagged', 'untrusted', 'all'],
    'flagged',
    'What it is asked about: only what is flagged; also every tool result, document and tool definition; or every text.',
  ),
  timeout: duration(
    'How long its answers are waited for, those to one request together. A model that must be loaded first takes longer: keep it loaded.',
    '2s',
    { min: '1ms', max: '30s' },
  ),
})

export const promptGuard = section('Reads what goes to the model.', {
  mode: choice(
    ['enforce', 'observe', 'off'],
    'enforce',
    '`observe` records findings and lets everything pass.',
  ),
  block: choice(
    ['low', 'medium', 'high'],
    'high',
    'From which weight a prompt is refused. Findings that stand together add up.',
  ),
  flag: choice(['low', 'medium', 'high'], 'medium', 'From which weight a prompt is flagged.'),
  packs: texts('Files with signatures of your own, in the form of those in `src/detect/injection/packs`.'),
  disable: texts('Ids of signatures that are not to count.'),
  severities: mapOf(
    Type.Enum(['low', 'medium', 'high'], { description: 'The weight it is to have.' }),
    'Ids of signatures → their weight, instead of what their pack says.',
  ),
  separate: flag(
    'Mark tool results and documents as data before the model reads them: delimiters with a random tag, and a sentence in the system prompt. Costs the model server its cache of the conversation.',
  ),
  datamark: flag('With `separate`: put `ˆ` in the place of every blank of such data, too.'),
  model: optional(guardModel),
})

/** What happens to a part of an answer. */
const cutting = (standard: 'off' | 'flag' | 'redact' | 'block', description: string) =>
  choice(['off', 'flag', 'redact', 'block'], standard, description)
const judging = (description: string) => choice(['off', 'flag', 'block'], 'flag', description)

export const outputGuard = section('Reads what comes from the model.', {
  mode: choice(
    ['enforce', 'observe', 'off'],
    'enforce',
    '`observe` records findings and lets everything pass.',
  ),
  secrets: cutting('redact', 'Keys, passwords and tokens in answers. `block` ends the answer.'),
  pii: cutting('off', 'Personal data in answers.'),
  toolArguments: optional(
    Type.Enum(['off', 'flag', 'redact', 'block'], {
      description:
        'Instead of `secrets` and `pii`, for what they find in the arguments of tool calls: what is redacted there is what the tool works with. Absent: as they say.',
    }),
  ),
  injection: judging('Signs that the answer obeys an injection.'),
  links: section('Links and images in answers that carry data to other hosts.', {
    allow: hosts('Hosts that links may point to; `*.example.org` for all below one.'),
    otherwise: cutting('redact', 'What happens to the others: images with any query, links with a long one.'),
  }),
  controls: cutting('redact', 'Terminal escapes, control characters and what nobody can see.'),
  scripts: judging('What a browser would run: `<script>`, `javascript:`, event handlers.'),
  theft: judging('Twelve words and more of the request’s own system prompt.'),
  canary: flag('Plant a marker in the system prompt and block an answer that repeats it.'),
})

/** What a role has instead of what all others have. */
export const roleGuards = group(
  'Instead of single keys of `guards`, for this role; lists are replaced whole. `torwart access` shows what holds.',
  { prompt: optional(overriding(promptGuard)), output: optional(overriding(outputGuard)) },
)

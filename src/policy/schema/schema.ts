/**
 * The policy file, as the one schema from which come the types, the validation, the editors' JSON Schema
 * and the reference in `config/README.md`.
 */
import Type, { type Static } from 'typebox'
import { serverKinds } from '../../core/servers.ts'
import { role, sharedLimits } from './role.ts'
import {
  address,
  choice,
  countOf,
  duration,
  flag,
  group,
  mapOf,
  optional,
  section,
  size,
  text,
  texts,
} from './types.ts'

export const standardKeysFile = 'keys.yaml'
export const standardAuditFile = 'data/audit.jsonl'

const tls = group('Serve TLS instead of plain HTTP.', {
  cert: text('Certificate chain, PEM.'),
  key: text('Private key, PEM.'),
  clientCa: optional(text('CA bundle against which client certificates are checked, PEM.')),
  clientCert: choice(['optional', 'required'], 'optional', 'Whether a client must show a certificate.'),
})

const upstream = group('A model server.', {
  name: text('Its name in records and metrics.'),
  url: text('Where it listens. Loopback or a private network; anything else needs `remote: true`.'),
  kind: Type.Enum([...serverKinds], { description: 'What it is.' }),
  remote: flag('Allow a public address: prompts leave your network.'),
  concurrent: countOf('Requests at the same time; more wait in the `queue`.', 128, 1),
  key: optional(text('What the server asks its callers for; sent as a bearer token.')),
})

const issuer = group('An issuer of JSON Web Tokens.', {
  issuer: text('The `iss` a token must carry.'),
  audience: text('The `aud` a token must carry.'),
  jwksUrl: optional(text('Where its keys are published; https, or http on loopback.')),
  publicKey: optional(text('A file with its public key, PEM.')),
  role: optional(text('The role of its tokens.')),
  roleClaim: optional(text('The claim that names the role.')),
})

const certificate = group('A client certificate and who it is.', {
  match: group('One of these.', {
    cn: optional(text('Common name.')),
    dns: optional(text('DNS name.')),
    uri: optional(text('URI, such as a SPIFFE id.')),
    fingerprint: optional(text('SHA-256 of the certificate, hex.')),
  }),
  name: text('Who it is.'),
  role: text('Its role.'),
})

const promptGuard = section('Reads what goes to the model.', {
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
  packs: texts('Files with signatures of your own, in the form of those in `src/scan/packs`.'),
  disable: texts('Ids of signatures that are not to count.'),
  severities: mapOf(
    Type.Enum(['low', 'medium', 'high'], { description: 'The weight it is to have.' }),
    'Ids of signatures → their weight, instead of what their pack says.',
  ),
  separate: flag('Mark tool results and documents as data before the model reads them.'),
})

const outputGuard = section('Reads what comes from the model.', {
  mode: choice(
    ['enforce', 'observe', 'off'],
    'enforce',
    '`observe` records findings and lets everything pass.',
  ),
  secrets: choice(['off', 'flag', 'redact', 'block'], 'redact', 'Keys, passwords and tokens in answers.'),
  pii: choice(['off', 'flag', 'redact', 'block'], 'off', 'Personal data in answers.'),
  injection: choice(['off', 'flag', 'block'], 'flag', 'Signs that the answer obeys an injection.'),
  links: section('Links and images in answers.', {
    allow: texts('Hosts that links may point to.'),
  }),
  canary: flag('Plant a marker in the system prompt and block an answer that repeats it.'),
})

const store = section('Where limits are counted.', {
  redis: optional(
    text(
      '`redis://` or `rediss://` (TLS) URL, with user, password and database if it has them; of a sentinel or cluster several, with commas between. Absent: in-process memory, for one gateway only.',
    ),
  ),
  kind: choice(['single', 'sentinel', 'cluster'], 'single', 'What answers at these URLs.'),
  master: text('The name under which sentinels know the server.', 'mymaster'),
  sentinelPassword: optional(text('What the sentinels themselves ask for.')),
  ca: optional(text('CA bundle for `rediss://`, PEM. Absent: the system’s.')),
  prefix: Type.String({
    pattern: '^[A-Za-z0-9_.:-]{1,64}$',
    wanted: '1 to 64 letters, digits or _ . : -',
    description: 'Before every key, as `{PREFIX}:…`. Gateways that count together have the same one.',
    default: 'torwart',
  }),
  onFailure: choice(['refuse', 'local'], 'refuse', 'While Redis is away: refuse, or count in-process.'),
  timeout: duration('One budget for all of a request’s calls to the store.', '250ms'),
})

const model = group('What is peculiar to a model.', {
  weight: Type.Number({
    minimum: 0.001,
    maximum: 1000,
    wanted: 'a number from 0.001 to 1000',
    description: 'What one of its tokens counts in every token limit.',
    default: 1,
  }),
  limits: section('How much all callers together may have of it.', sharedLimits),
})

export const configSchema = Type.Object(
  {
    version: Type.Literal(1, { description: 'The version of this format.' }),
    listen: section('Where clients connect.', {
      address: address('Host and port. Port 0 picks a free one.', '127.0.0.1:8080'),
      tls: optional(tls),
    }),
    admin: section('Metrics, health and administration: a listener of its own.', {
      address: address('Host and port.', '127.0.0.1:9464'),
      token: optional(text('Bearer token. Required as soon as the address is not loopback.')),
      hosts: texts('Further names by which it may be called (`Host` header).'),
    }),
    store,
    limits: section('How much all callers together may have.', sharedLimits),
    models: mapOf(
      model,
      'By name or pattern, as in `roles.NAME.models`; of several that match, the first counts. What matches one pattern is counted together.',
    ),
    upstreams: Type.Array(upstream, { description: 'The model servers.', minItems: 1 }),
    keys: section('API keys.', {
      file: Type.String({
        minLength: 1,
        description: 'Where they are kept; only their SHA-256.',
        default: standardKeysFile,
      }),
    }),
    jwt: Type.Array(issuer, { description: 'Issuers of tokens that are accepted.', default: [] }),
    certificates: Type.Array(certificate, {
      description: 'Client certificates and who they are.',
      default: [],
    }),
    roles: mapOf(role, 'What keys may do, by role.'),
    guards: section('What is read and judged.', { prompt: promptGuard, output: outputGuard }),
    approval: section('A human’s yes for tool calls.', {
      wait: duration('How long a call waits for it.', '120s'),
      approvers: texts('Roles or keys that may say yes; empty: whoever holds the admin token.'),
    }),
    aliases: mapOf(Type.String({ minLength: 1 }), 'Names that clients use → models that answer.'),
    door: section('By address, before anybody is identified.', {
      failuresPerMinute: countOf('Answers 401 per address and minute; then 429.', 60, 1),
      connections: countOf('Open connections per address.', 256, 1),
    }),
    timeouts: section('How long things may take.', {
      connect: duration('Connecting to the model server.', '5s'),
      firstByte: duration('Until the model server answers; loading a model takes its time.', '5m'),
      idle: duration('Between two pieces of an answer.', '60s'),
      total: duration('One request in all.', '15m'),
      body: duration('Receiving a request.', '30s'),
      write: duration('A client that does not take its answer.', '60s'),
    }),
    queue: section('Requests that wait for a model server.', {
      size: countOf('How many.', 64),
      wait: duration('How long.', '60s'),
    }),
    audit: section('The audit log.', {
      file: Type.String({
        minLength: 1,
        description: 'The log; its head is kept beside it.',
        default: standardAuditFile,
      }),
      content: choice(['masked', 'none'], 'masked', 'Whether texts are recorded (masked) or not at all.'),
      maxText: size('Text per record; of the rest only digest and length.', '64KiB'),
      sync: choice(
        ['each', 'group', 'none'],
        'group',
        'When fdatasync is called: before each answer ends, within 20 ms, or never.',
      ),
      retention: duration('How long records are kept.', '365d'),
    }),
    log: section('The operational log, on stdout.', {
      level: choice(['trace', 'debug', 'info', 'warn', 'error', 'fatal'], 'info', 'From which level.'),
    }),
    shutdown: section('Stopping.', {
      grace: duration('How long running requests may go on after SIGTERM.', '30s'),
    }),
  },
  { additionalProperties: false, title: 'Torwart policy', description: 'The policy of one gateway.' },
)

/** The file with its defaults filled in. */
export type Config = Static<typeof configSchema>
export type RoleConfig = Config['roles'][string]

/**
 * The policy file, as the one schema from which come the types, the validation, the editors' JSON Schema
 * and the reference in `config/README.md`.
 */
import Type, { type Static, type TSchema } from 'typebox'
import { serverKinds } from '../../core/servers.ts'
import { deepestTokens, tokenAlgorithms } from '../policy.ts'
import { memory, timeouts } from './bounds.ts'
import { defaultAuditFile, defaultKeysFile } from './files.ts'
import { outputGuard, promptGuard } from './guards.ts'
import type { SchemaNode } from './node.ts'
import { role, sharedLimits } from './role.ts'
import {
  address,
  aWhile,
  choice,
  countOf,
  duration,
  flag,
  group,
  mapOf,
  named,
  optional,
  percentOf,
  secret,
  section,
  size,
  text,
  texts,
} from './types.ts'

const tls = group('Serve TLS instead of plain HTTP.', {
  cert: text('Certificate chain, PEM.'),
  key: text('Private key, PEM.'),
  clientCa: optional(text('CA bundle against which client certificates are checked, PEM.')),
  clientCert: choice(['optional', 'required'], 'optional', 'Whether a client must show a certificate.'),
  crl: optional(
    text('Certificate revocation lists, PEM: one of every CA that stands above client certificates.'),
  ),
})

const upstream = group('A model server.', {
  name: text('Its name in records and metrics.'),
  url: text('Where it listens. Loopback or a private network; anything else needs `remote: true`.'),
  kind: Type.Enum([...serverKinds], { description: 'What it is.' }),
  remote: flag('Allow a public address: prompts leave your network.'),
  concurrent: countOf('Requests at the same time; more wait in the `queue`.', 128, 1),
  key: optional(secret('What the server asks its callers for; sent as a bearer token.')),
})

const outlierDetection = section(
  'When a model server that answers with failures (500, or a failure in mid-answer) gets no more requests for a while, because others fare better.',
  {
    consecutiveFailures: countOf('After so many failures in a row.', 5, 1),
    failurePercentage: percentOf(
      'Or when so many of a hundred requests fail, in this interval and the last.',
      50,
    ),
    requestVolume: countOf('For which there must be so many requests.', 20, 1),
    interval: duration('How long requests are counted together.', '10s'),
    baseEjection: duration(
      'How long it is left alone the first time; each further time twice as long.',
      '10s',
    ),
    maxEjection: duration('And at most.', '5m'),
    maxEjectionPercent: percentOf('So many of a hundred servers at most; 0: never.', 50),
  },
)

const issuer = group('An issuer of JSON Web Tokens.', {
  issuer: text('The `iss` a token must carry.'),
  audience: text('The `aud` a token must carry.'),
  jwksUrl: optional(
    text(
      'Where its keys are published; https, or http on loopback. Without it and `publicKey`: where its `/.well-known/openid-configuration` says.',
    ),
  ),
  publicKey: optional(text('A file with its public key, PEM.')),
  ca: optional(text('CA bundle for its https, PEM. Absent: the CAs that Node ships.')),
  algorithms: Type.Array(Type.Enum([...tokenAlgorithms]), {
    description: 'How its tokens may be signed.',
    default: ['RS256', 'PS256', 'ES256', 'EdDSA'],
    minItems: 1,
  }),
  clockTolerance: duration('How far its clock may be from ours.', '30s', { max: '5m' }),
  role: optional(text('The role of its tokens.')),
  roleClaim: optional(text('The claim that names the role, or a path to it: `realm_access.roles`.')),
  roles: mapOf(
    Type.String({ minLength: 1 }),
    'Values of `roleClaim` → roles; the first one that a token has counts. Empty: the claim itself names a role, and one only.',
  ),
})

const certificate = group('Client certificates and who they are.', {
  match: group('One of these.', {
    cn: optional(
      text('Common name, letter by letter. Alternative names of the certificate are no common names.'),
    ),
    dns: optional(text('DNS name among the alternative names; `*` stands for characters of one label.')),
    uri: optional(
      text(
        'URI among the alternative names, such as a SPIFFE id; `*` stands for characters of one part of its path.',
      ),
    ),
    fingerprint: optional(text('SHA-256 of the certificate, hex.')),
  }),
  name: text('Who it is, in records.'),
  role: text('Its role.'),
})

const sink = group(
  'A receiver of records: at least once each, in order; what it cannot take yet waits in the log.',
  {
    name: named(
      '^[a-z0-9-]{1,32}$',
      '1 to 32 small letters, digits or -',
      'Its name in metrics, and of the file that keeps how far it is.',
    ),
    url: text(
      '`stdout:`, `http://…` or `https://…` (a POST of lines), or syslog (RFC 5424): `tcp://HOST:PORT`, `tls://HOST:PORT`, `udp://HOST:PORT` (which nobody acknowledges).',
    ),
    format: choice(['jsonl', 'cef', 'ecs'], 'jsonl', 'In which words.'),
    content: choice(['masked', 'none'], 'none', 'Whether texts go along.'),
    token: optional(secret('Bearer token for `http`.')),
  },
)

const store = section('Where limits are counted.', {
  redis: optional(
    text(
      '`redis://` or `rediss://` (TLS) URL, with user, password and database if it has them; of a sentinel or cluster several, with commas between. Absent: in-process memory, for one gateway only.',
    ),
  ),
  kind: choice(['single', 'sentinel', 'cluster'], 'single', 'What answers at these URLs.'),
  master: text('The name under which sentinels know the server.', 'mymaster'),
  sentinelPassword: optional(secret('What the sentinels themselves ask for.')),
  ca: optional(text('CA bundle for `rediss://`, PEM. Absent: the system’s.')),
  prefix: named(
    '^[A-Za-z0-9_.:-]{1,64}$',
    '1 to 64 letters, digits or _ . : -',
    'Before every key, as `{PREFIX}:…`. Gateways that count together have the same one.',
    'torwart',
  ),
  onFailure: choice(['refuse', 'local'], 'refuse', 'While Redis is away: refuse, or count in-process.'),
  timeout: duration('One budget for all of a request’s calls to the store.', '250ms', {
    min: '1ms',
    max: '1m',
  }),
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

const webhook = group('Where questions and decisions are told, signed.', {
  url: text('https, or http on a loopback or private address.'),
  secret: secret(
    '`x-torwart-signature` is `v1=` and the HMAC-SHA256, hex, of `x-torwart-timestamp`, a dot and the body.',
  ),
})

const tokenLife = { min: '1s', max: '24h' }

export const configSchema = Type.Object(
  {
    version: Type.Literal(1, { description: 'The version of this format.' }),
    listen: section('Where clients connect.', {
      address: address('Host and port. Port 0 picks a free one.', '127.0.0.1:8080'),
      tls: optional(tls),
    }),
    admin: section('Metrics, health and administration: a listener of its own.', {
      address: address('Host and port.', '127.0.0.1:9464'),
      token: optional(secret('Bearer token. Required as soon as the address is not loopback.')),
      hosts: texts('Further names by which it may be called (`Host` header).'),
    }),
    store,
    limits: section('How much all callers together may have.', sharedLimits),
    models: mapOf(
      model,
      'By name or pattern, as in `roles.NAME.models`; of several that match, the first counts. What matches one pattern is counted together.',
    ),
    upstreams: Type.Array(upstream, { description: 'The model servers.', minItems: 1 }),
    outlierDetection,
    keys: section('API keys.', {
      file: Type.String({
        minLength: 1,
        description: 'Where they are kept; only their SHA-256.',
        default: defaultKeysFile,
      }),
      redis: flag(
        'Keep them in the `store`’s Redis, for a fleet without a common folder. The file is this gateway’s copy.',
      ),
    }),
    tokens: section('Capability tokens, which anybody with a key can make from it.', {
      ttl: duration('How long one lives that is not asked to live longer or shorter.', '15m', tokenLife),
      maxTtl: duration('How long one may live.', '24h', tokenLife),
      depth: countOf(
        'How many may be made from one another; 0: none are made or accepted.',
        3,
        0,
        deepestTokens,
      ),
      // Each key stays in the file until its last token is over, so there must not be too many.
      rotate: duration('After which a new key signs. The old one proves what it signed.', '30d', {
        min: '1h',
        max: '36500d',
      }),
    }),
    jwt: Type.Array(issuer, { description: 'Issuers of tokens that are accepted.', default: [] }),
    certificates: Type.Array(certificate, {
      description: 'Client certificates and who they are; of several that match, the first counts.',
      default: [],
    }),
    roles: mapOf(role, 'What keys may do, by role.'),
    guards: section('What is read and judged.', {
      budget: countOf(
        'Work that all guards together may take for one request and its answer, in characters of plain text; a character in disguise takes many. Beyond it: 413 `too_much_to_scan`.',
        25_000_000,
        1,
      ),
      prompt: promptGuard,
      output: outputGuard,
    }),
    approval: section('A human’s yes for tool calls.', {
      wait: duration(
        'How long a call waits for it. `0s`: not at all; the answer ends and names the approval, and the same call passes once when it comes again after the yes.',
        '120s',
      ),
      valid: duration('How long a question, and the yes to it, hold.', '15m', aWhile),
      approvers: texts(
        'Names of roles or keys that may say yes, each with its own key; nobody to what the own key or one of its tokens asks for. Empty: whoever holds the admin token.',
      ),
      arguments: choice(
        ['masked', 'plain'],
        'masked',
        'What approvers and the webhook see of arguments. `plain` keeps them as they are in the store for as long as they wait; not those of roles with `audit.content: none`, which are kept masked.',
      ),
      tellWhy: flag('Whether the caller reads why a human said no (`deny --why`).'),
      webhook: optional(webhook),
    }),
    aliases: mapOf(Type.String({ minLength: 1 }), 'Names that clients use → models that answer.'),
    door: section('By address, before anybody is identified.', {
      failuresPerMinute: countOf('Answers 401 per address and minute; then 429.', 60, 1),
      connections: countOf('Open connections per address.', 256, 1),
      proxies: texts(
        'Addresses and networks of proxies in front of the gate. Of these alone `X-Forwarded-For` is believed.',
      ),
    }),
    memory,
    timeouts,
    queue: section('Requests that wait for a model server.', {
      size: countOf('How many.', 64),
      wait: duration('How long.', '60s'),
    }),
    audit: section('The audit log.', {
      file: Type.String({
        minLength: 1,
        description: 'The log; its head is kept beside it.',
        default: defaultAuditFile,
      }),
      content: choice(['masked', 'none'], 'masked', 'Whether texts are recorded (masked) or not at all.'),
      pseudonyms: choice(
        ['off', 'keyed'],
        'off',
        'What stands in masks: numbers that begin anew in each record, or names that are the same in all of them, by a key beside the log.',
      ),
      maxText: size(
        'Text per record, in bytes as they are written: findings first, then the newest; of the rest digest and length.',
        '64KiB',
      ),
      sync: choice(
        ['each', 'group', 'none'],
        'group',
        'When fdatasync is called: before each answer ends, within 20 ms, or never.',
      ),
      retention: duration('How long records are kept: a segment goes when its last one is older.', '365d', {
        min: '1h',
        max: '36500d',
      }),
      segment: size('From which size on a new segment is begun; each day (UTC) begins one too.', '256MiB', {
        min: '64KiB',
      }),
      checkpoint: section('How often the log says under a signature where its chain stands.', {
        records: countOf('After so many records.', 10_000, 1),
        every: duration('And as long after a record that no signature covers.', '5m', aWhile),
      }),
      forward: Type.Array(sink, { description: 'Who else gets the records.', default: [] }),
    }),
    log: section('The operational log, on stdout.', {
      level: choice(
        ['trace', 'debug', 'info', 'warn', 'error', 'fatal'],
        'info',
        'From which level. `debug` writes a line a request: route, status, outcome, caller, model, time.',
      ),
      addresses: choice(
        ['masked', 'plain'],
        'masked',
        'Whether the address of a refused caller, and of a request, is written out (`peer`), as fail2ban needs it.',
      ),
    }),
    shutdown: section('Stopping.', {
      notice: duration(
        'How long everything is still accepted after SIGTERM, while `/readyz` says draining and answers ask their clients to close the connection. Longer than a balancer takes to notice. A second signal ends it and `grace` at once.',
        '5s',
      ),
      grace: duration('How long running requests may go on after that.', '30s'),
    }),
  },
  { additionalProperties: false, title: 'Torwart policy', description: 'The policy of one gateway.' },
)

/** The file with its defaults filled in. */
export type Config = Static<typeof configSchema>
export type RoleConfig = Config['roles'][string]

// Widened first: TypeBox types each node by its kind, and a walk needs one type for all of them.
const tree: TSchema = configSchema

/** The same schema as `configSchema`, typed as a tree to walk. */
export const policySchema: SchemaNode = tree

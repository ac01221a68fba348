/**
 * The schema of the policy file. Types, validation, the JSON Schema for editors and the reference in `config/README.md`
 * all come from it.
 */
import Type, { type Static, type TSchema } from 'typebox'
import { serverKinds } from '../../core/servers.ts'
import { tokenAlgorithms } from '../callers.ts'
import { deepestTokens } from '../policy.ts'
import { anomalies } from './anomalies.ts'
import { memory, timeouts } from './bounds.ts'
import { defaultAuditFile, defaultKeysFile } from './files.ts'
import { outputGuard, personalData, promptGuard } from './guards.ts'
import { models } from './models.ts'
import type { SchemaNode } from './node.ts'
import { passThrough } from './passthrough.ts'
import { groups } from './persons.ts'
import { role, sharedLimits } from './role.ts'
import { sandbox } from './sandbox.ts'
import { telemetry } from './telemetry.ts'
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
  pathPrefix,
  percentOf,
  secret,
  section,
  size,
  socketRights,
  text,
  texts,
} from './types.ts'
import { webhook } from './webhook.ts'

const tls = group('Serve TLS instead of plain HTTP.', {
  cert: text('Certificate chain, PEM.'),
  key: text('Private key, PEM.'),
  clientCa: optional(text('CA bundle that client certificates must chain to, PEM.')),
  clientCert: choice(['optional', 'required'], 'optional', 'Whether clients must present a certificate.'),
  crl: optional(
    text('Certificate revocation lists, PEM: one for every CA in the chain of a client certificate.'),
  ),
})

const upstream = group('A model server.', {
  name: text('Name in records and metrics.'),
  url: text(
    'Base URL, or `unix:` and the path of a Unix socket. An address that is neither loopback nor private needs `remote: true`.',
  ),
  kind: Type.Enum([...serverKinds], {
    description: 'Type of the server. `openai` is any other server with an OpenAI-compatible API.',
  }),
  remote: flag('Allow a public address: prompts leave your network.'),
  concurrent: countOf('Concurrent requests. Further requests wait in the `queue`.', 128, 1),
  key: optional(secret('API key of the model server, sent as a bearer token.')),
})

const price = group('What a model costs, for a million tokens each, in any one currency.', {
  input: Type.Number({ minimum: 0, maximum: 1e9, description: 'For input tokens.' }),
  output: Type.Number({ minimum: 0, maximum: 1e9, description: 'For output tokens.' }),
})
const prices = mapOf(
  price,
  'Prices by model name or pattern, as in `roles.NAME.models`, for `torwart usage`. The first match applies.',
)

const outlierDetection = section(
  'Ejects a model server for a while when it fails (status 500, or in the middle of a response) and others do not.',
  {
    consecutiveFailures: countOf('Failures in a row after which a server is ejected.', 5, 1),
    failurePercentage: percentOf(
      'Percentage of failed requests, in this interval and the previous one, at which a server is ejected.',
      50,
    ),
    requestVolume: countOf('Minimum number of requests for `failurePercentage`.', 20, 1),
    interval: duration('Length of an interval.', '10s'),
    baseEjection: duration('Duration of the first ejection. It doubles each time.', '10s'),
    maxEjection: duration('Maximum duration of an ejection.', '5m'),
    maxEjectionPercent: percentOf(
      'Maximum percentage of servers that may be ejected. 0 disables ejection.',
      50,
    ),
  },
)

const issuer = group('An issuer of JSON Web Tokens.', {
  issuer: text('The `iss` a token must carry.'),
  audience: text('The `aud` a token must carry.'),
  jwksUrl: optional(
    text(
      'URL of its key set: https, or http on loopback. Absent, without `publicKey`: the URL in its `/.well-known/openid-configuration`.',
    ),
  ),
  publicKey: optional(text('File with its public key, PEM.')),
  ca: optional(text('CA bundle for its https URLs, PEM. Absent: the CAs that Node ships.')),
  algorithms: Type.Array(Type.Enum([...tokenAlgorithms]), {
    description: 'Accepted signature algorithms.',
    default: ['RS256', 'PS256', 'ES256', 'EdDSA'],
    minItems: 1,
  }),
  clockTolerance: duration('Allowed clock difference.', '30s', { max: '5m' }),
  role: optional(text('Role of all its tokens.')),
  roleClaim: optional(text('Claim that names the role, or a path to it such as `realm_access.roles`.')),
  roles: mapOf(
    Type.String({ minLength: 1 }),
    'Role by value of `roleClaim`; the first value that a token has decides. Empty: the claim itself names exactly one role.',
  ),
})

const certificate = group('Maps client certificates to an identity.', {
  match: group('The name to match: exactly one of these.', {
    cn: optional(
      text('Common name of the subject, compared exactly. Subject alternative names are not compared.'),
    ),
    dns: optional(text('DNS subject alternative name. `*` matches characters within one label.')),
    uri: optional(
      text(
        'URI subject alternative name, such as a SPIFFE id. `*` matches characters within one path segment.',
      ),
    ),
    fingerprint: optional(text('SHA-256 of the certificate, hex.')),
  }),
  name: text('Name of the identity in records.'),
  role: text('Role of the identity.'),
})

const sink = group(
  'A receiver of audit records. It gets each record at least once, in order; records it cannot take yet wait in the log.',
  {
    name: named(
      '^[a-z0-9-]{1,32}$',
      '1 to 32 lower-case letters, digits or -',
      'Name in metrics, and of the cursor file that keeps its position.',
    ),
    url: text(
      '`stdout:`, `http://…` or `https://…` (POST, one record a line), or syslog (RFC 5424): `tcp://HOST:PORT`, `tls://HOST:PORT`, `udp://HOST:PORT` (without acknowledgement).',
    ),
    format: choice(['jsonl', 'cef', 'ecs'], 'jsonl', 'Format of a record.'),
    content: choice(['masked', 'none'], 'none', 'Whether records include their masked texts.'),
    token: optional(secret('Bearer token for http and https.')),
  },
)

const store = section('Where limits are counted.', {
  redis: optional(
    text(
      'Redis URL, `redis://` or `rediss://` (TLS), with user, password and database if needed. For sentinels and clusters: several URLs, separated by commas. Absent: in-process memory, for one gateway only.',
    ),
  ),
  kind: choice(['single', 'sentinel', 'cluster'], 'single', 'What the URLs point to.'),
  master: text('Name of the master that the sentinels monitor.', 'mymaster'),
  sentinelPassword: optional(secret('Password of the sentinels themselves.')),
  ca: optional(text('CA bundle for `rediss://`, PEM. Absent: the CAs of the system.')),
  prefix: named(
    '^[A-Za-z0-9_.:-]{1,64}$',
    '1 to 64 letters, digits or _ . : -',
    'Prefix of every key in Redis, as `{PREFIX}:…`. Gateways that share limits have the same prefix.',
    'torwart',
  ),
  onFailure: choice(
    ['refuse', 'local'],
    'refuse',
    'While Redis is unavailable: `refuse` requests, or count in-process (`local`).',
  ),
  timeout: duration('Time budget for all calls of one request to the store.', '250ms', {
    min: '1ms',
    max: '1m',
  }),
})

const tokenLife = { min: '1s', max: '24h' }

/** The schema of the whole policy file. */
export const configSchema = Type.Object(
  {
    version: Type.Literal(1, { description: 'Version of the format.' }),
    listen: section('The data listener, which clients connect to.', {
      address: address('Host and port, or a Unix socket. Port 0 picks a free port.', '127.0.0.1:8080'),
      socket: socketRights(),
      prefix: pathPrefix('Path below which all routes are, such as `/ollama`. Empty: the root.'),
      cors: section('Pages in browsers that may call the gateway.', {
        origins: texts(
          'Their origins: scheme, host and port, as in `https://app.example.org`. `null` for pages without one.',
        ),
        maxAge: duration('How long a browser may remember the answer.', '10m', { max: '24h' }),
      }),
      tls: optional(tls),
    }),
    admin: section('The admin listener: metrics, health checks and the admin API.', {
      address: address('Host and port, or a Unix socket.', '127.0.0.1:9464'),
      socket: socketRights(),
      token: optional(secret('Bearer token. Required if the address is not loopback.')),
      hosts: texts('Further host names that requests may use (`Host` header).'),
      console: flag('Serve the console under `/console/`.', true),
      viewers: texts(
        'Roles or keys, by name, that may sign in to the console and read, with their own keys.',
      ),
    }),
    store,
    limits: section('Limits for all callers together.', sharedLimits),
    models,
    prices,
    groups,
    upstreams: Type.Array(upstream, { description: 'The model servers.', minItems: 1 }),
    outlierDetection,
    passthrough: passThrough,
    keys: section('API keys.', {
      file: Type.String({
        minLength: 1,
        description: 'The key file. It holds the SHA-256 of each key, never a key.',
        default: defaultKeysFile,
      }),
      redis: flag(
        'Share the keys in the Redis of `store`, for gateways without a common folder. The file is then a local copy.',
      ),
    }),
    tokens: section('Capability tokens. Anyone with a key can mint narrower tokens from it.', {
      ttl: duration('Default lifetime.', '15m', tokenLife),
      maxTtl: duration('Maximum lifetime.', '24h', tokenLife),
      depth: countOf(
        'Maximum length of a chain of tokens minted from one another. 0 disables capability tokens.',
        3,
        0,
        deepestTokens,
      ),
      // A signing key stays in its file until its last token has expired, so there must not be too many.
      rotate: duration('Lifetime of a signing key. The old key still verifies the tokens it signed.', '30d', {
        min: '1h',
        max: '36500d',
      }),
    }),
    jwt: Type.Array(issuer, { description: 'Trusted issuers of JSON Web Tokens.', default: [] }),
    certificates: Type.Array(certificate, {
      description: 'Identities of client certificates. The first match applies.',
      default: [],
    }),
    roles: mapOf(role, 'Roles by name: what their keys may do.'),
    guards: section('Inspection of prompts and responses.', {
      budget: countOf(
        'Maximum work of all guards for one request and its response, in characters of plain text. An obfuscated character counts many times. Above it: 413 `too_much_to_scan`.',
        25_000_000,
        1,
      ),
      prompt: promptGuard,
      output: outputGuard,
      pii: personalData,
    }),
    approval: section('Human approval of tool calls.', {
      wait: duration(
        'How long a tool call waits for a decision. `0s`: it does not wait; the response ends and names the approval id, and the same call passes once when it is retried after approval.',
        '120s',
      ),
      valid: duration('How long an approval request, and its approval, stay valid.', '15m', aWhile),
      approvers: texts(
        'Roles or keys, by name, that may decide. An approver cannot decide on calls of their own key or its tokens. Empty: the holder of the admin token decides.',
      ),
      arguments: choice(
        ['masked', 'plain'],
        'masked',
        'How approvers and the webhook see arguments. `plain` stores them unmasked while the call waits, except for roles with `audit.content: none`.',
      ),
      tellWhy: flag('Tell the caller why an approval was denied (`deny --why`).'),
      webhook: optional(webhook('Receives a signed notification of each approval request and decision.')),
    }),
    anomalies,
    sandbox,
    aliases: mapOf(Type.String({ minLength: 1 }), 'Model by the name that clients use for it.'),
    door: section('Limits by client address, before authentication.', {
      failuresPerMinute: countOf('Failed logins (401) per address and minute. Further ones get 429.', 60, 1),
      connections: countOf('Open connections per address.', 256, 1),
      proxies: texts(
        'Addresses and networks of trusted proxies in front of the gateway, or `unix` for all that connects to its Unix socket. `X-Forwarded-For` is accepted from these only.',
      ),
    }),
    memory,
    timeouts,
    queue: section('Requests that wait for a model server.', {
      size: countOf('Maximum number of waiting requests.', 64),
      wait: duration('Maximum waiting time.', '60s'),
    }),
    audit: section('The audit log.', {
      file: Type.String({
        minLength: 1,
        description: 'The log file. Its head is kept beside it, in `FILE.head`.',
        default: defaultAuditFile,
      }),
      content: choice(['masked', 'none'], 'masked', 'Whether texts are recorded, masked, or not at all.'),
      pseudonyms: choice(
        ['off', 'keyed'],
        'off',
        'Placeholders in masked texts. `off`: numbers that start again in each record. `keyed`: pseudonyms that are the same in all records, made with a key beside the log.',
      ),
      maxText: size(
        'Maximum text per record, in bytes as written. Texts with findings come first, then the newest; the rest is recorded as digest and length.',
        '64KiB',
      ),
      sync: choice(
        ['each', 'group', 'none'],
        'group',
        'When fdatasync is called: before each response ends (`each`), within 20 ms (`group`), or never (`none`).',
      ),
      retention: duration(
        'How long records are kept. A segment is deleted when its last record is older.',
        '365d',
        {
          min: '1h',
          max: '36500d',
        },
      ),
      segment: size('Size at which a new segment starts. Each day (UTC) also starts one.', '256MiB', {
        min: '64KiB',
      }),
      checkpoint: section('How often a signed checkpoint of the chain is written.', {
        records: countOf('After this many records.', 10_000, 1),
        every: duration('Also this long after a record that no checkpoint covers yet.', '5m', aWhile),
      }),
      forward: Type.Array(sink, { description: 'Receivers of the records.', default: [] }),
    }),
    log: section('The operational log, on stdout.', {
      level: choice(
        ['trace', 'debug', 'info', 'warn', 'error', 'fatal'],
        'info',
        'Minimum level. `debug` adds a line for each request: route, status, outcome, caller, model, duration.',
      ),
      addresses: choice(
        ['masked', 'plain'],
        'masked',
        'Whether client addresses (`peer`) are masked. fail2ban needs `plain`.',
      ),
    }),
    telemetry,
    workers: countOf(
      'Processes that serve requests. From 2 on, a primary process keeps what must be one: limits without Redis, places at model servers, approvals, the admin listener. Each worker writes an audit chain of its own, `FILE.w1`, `FILE.w2` …, which the `audit` commands read as one log.',
      1,
      1,
      64,
    ),
    reload: section('What a policy must meet to be taken, at the start and at every reload.', {
      tests: choice(
        ['off', 'require'],
        'off',
        '`require`: the tests beside the policy (`torwart.test.yaml` for `torwart.yaml`) must pass. At the start, the gateway does not start otherwise; at a reload, the previous policy stays in force. See `torwart check --tests`.',
      ),
    }),
    shutdown: section('Graceful shutdown.', {
      notice: duration(
        'How long new requests are still accepted after SIGTERM, while `/readyz` reports draining and responses ask clients to close the connection. Set it longer than a load balancer takes to notice. A second signal ends `notice` and `grace` at once.',
        '5s',
      ),
      grace: duration('How long running requests may then take to finish.', '30s'),
    }),
  },
  { additionalProperties: false, title: 'Torwart policy', description: 'The policy of one gateway.' },
)

/** The policy file as validated, with defaults filled in. */
export type Config = Static<typeof configSchema>
/** One entry of `roles`. */
export type RoleConfig = Config['roles'][string]

// Widened first: TypeBox types each node by its kind, and a walk needs one type for all of them.
const tree: TSchema = configSchema

/** The same schema as `configSchema`, typed as a tree to walk. */
export const policySchema: SchemaNode = tree

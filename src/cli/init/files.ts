/** The texts of the files that `torwart init` writes. */
import { isLoopback } from '../../policy/address.ts'
import type { Answers } from './answers.ts'
import type { RecognisedServer } from './model-server.ts'

/** Names of the files, relative to their folder. */
export const names = {
  policy: 'torwart.yaml',
  keys: 'keys/keys.yaml',
  token: 'secrets/admin-token',
  redis: 'secrets/redis-url',
  unit: 'torwart.service',
  compose: 'docker-compose.yml',
} as const

const standardModels = ['llama3.2', 'qwen3:*']
const ollamaInCompose = 'http://ollama:11434'

/** A text as YAML and systemd both read it. */
const quoted = (text: string) => JSON.stringify(text)

/** Whether the Compose file runs the model server too: one on loopback is not there for a container. */
export function runsOllama({ service, upstream }: Answers): boolean {
  return service === 'compose' && isLoopback(new URL(upstream).hostname.replace(/^\[|\]$/g, ''))
}

/** Where the gateway of these answers listens. */
export function addressOf({ service, tls }: Answers): string {
  if (service === 'compose') return '0.0.0.0:8080'
  return tls === undefined ? '127.0.0.1:8080' : '0.0.0.0:8443'
}

/** Writes the policy. */
export function policyText(answers: Answers, server: RecognisedServer): string {
  const { tls, redis } = answers
  const url = runsOllama(answers) ? ollamaInCompose : answers.upstream
  const kind = runsOllama(answers) ? 'ollama' : server.kind
  const models = (server.models.length > 0 ? server.models : standardModels).map(quoted).join(', ')
  return `# Made by \`torwart init\`. \`torwart check -c\` reports errors, \`torwart doctor -c\` what is unsafe about the host.
version: 1

listen:
  address: ${addressOf(answers)}
${tls === undefined ? '' : `  tls: { cert: ${quoted(tls.cert)}, key: ${quoted(tls.key)} }\n`}
admin:
  address: 127.0.0.1:9464
  token: \${file:${names.token}}
${redis === undefined ? '' : `\nstore:\n  redis: \${file:${names.redis}}\n`}
upstreams:
  - { name: local, url: ${quoted(url)}, kind: ${kind} }

keys: { file: ${names.keys} }

# Routes and models that a role does not list are refused.
roles:
  user:
    routes: [chat, completions, embeddings, models]
    models: [${models}]
    limits: { requestsPerMinute: 10, probesPerMinute: 120, tokensPerMinute: 100000, tokensPerDay: 2000000, concurrent: 2 }
  # Programs that act on their own: a circuit breaker stops one that loops.
  agent:
    routes: [chat, models]
    models: [${models}]
    limits:
      requestsPerMinute: 30
      probesPerMinute: 120
      tokensPerMinute: 200000
      tokensPerDay: 5000000
      concurrent: 2
      actionsPerMinute: 100
      repetition: { same: 20, window: 10m }

guards:
  prompt: { mode: enforce, block: high, flag: medium }
  output: { mode: enforce, secrets: redact, pii: off }

audit:
  file: audit/audit.jsonl
`
}

/** What a unit needs to know. */
export interface UnitSettings {
  /** Absolute. */
  readonly folder: string
  readonly user: string
  readonly program: string
  readonly script: string
}

/** Bounds and restrictions, as in deploy/systemd/torwart.service, which says why. */
const hardening = `MemoryMax=1G
MemorySwapMax=0
TasksMax=256
LimitNOFILE=65536
LimitCORE=0
NoNewPrivileges=true
CapabilityBoundingSet=
AmbientCapabilities=
PrivateUsers=true
RestrictSUIDSGID=true
RestrictNamespaces=true
RestrictRealtime=true
LockPersonality=true
RemoveIPC=true
KeyringMode=private
PrivateDevices=true
DevicePolicy=closed
PrivateMounts=true
ProtectClock=true
ProtectControlGroups=true
ProtectHostname=true
ProtectKernelLogs=true
ProtectKernelModules=true
ProtectKernelTunables=true
ProtectProc=invisible
ProcSubset=pid
RestrictAddressFamilies=AF_INET AF_INET6
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
MemoryDenyWriteExecute=false`

/** Writes the unit (systemd.service(5), systemd.exec(5)). */
export function unitText({ folder, user, program, script }: UnitSettings): string {
  const word = (text: string) => quoted(text.replaceAll('%', '%%').replaceAll('$', '$$$$'))
  const isAtHome = [folder, program, script].some((path) => /^\/(?:home|root)\//.test(path))
  return `# Made by \`torwart init\`. deploy/systemd.md of Torwart explains it.
[Unit]
Description=Torwart LLM gateway
Wants=network-online.target
After=network-online.target

[Service]
User=${user}
ExecStart=${word(program)} ${word(script)} serve -c ${word(`${folder}/${names.policy}`)} --pid-file /run/torwart/torwart.pid
# An upgrade changes the process that serves
PIDFile=/run/torwart/torwart.pid
RuntimeDirectory=torwart
RuntimeDirectoryMode=0700
ExecReload=/bin/kill -HUP $MAINPID
Restart=always
RestartSec=2
# Longer than shutdown.notice and shutdown.grace together
TimeoutStopSec=60
UMask=0077
ProtectSystem=strict
ProtectHome=${isAtHome ? 'read-only' : 'true'}
PrivateTmp=true
${hardening}
ReadWritePaths=${word(`${folder}/keys`)} ${word(`${folder}/audit`)}

[Install]
WantedBy=multi-user.target
`
}

/** Writes the Compose file. @param image of the gateway @param owner user and group id of the folder */
export function composeText(answers: Answers, image: string, owner: string): string {
  const { tls, redis } = answers
  const hasRedis = redis !== undefined && new URL(redis).hostname === 'redis'
  const mounts =
    tls === undefined ? [] : [tls.cert, tls.key].map((path) => `      - ${quoted(`${path}:${path}:ro`)}\n`)
  const services = [
    `  gate:
    <<: *hardened
    image: ${image}
    user: "${owner}"
    ports: [${quoted(tls === undefined ? '127.0.0.1:8080:8080' : '8443:8080')}]
    networks: [edge, inside]
    volumes:
      - ./${names.policy}:/etc/torwart/${names.policy}:ro
      - ./secrets:/etc/torwart/secrets:ro
      - ./keys:/etc/torwart/keys
      - ./audit:/etc/torwart/audit
${mounts.join('')}    tmpfs: ["/tmp:size=16m,mode=1777"]
    mem_limit: 512m
    stop_grace_period: 40s
`,
    ...(runsOllama(answers) ? [ollamaService] : []),
    ...(hasRedis ? [redisService] : []),
  ]
  return `# Made by \`torwart init\`. Only the gateway is reachable from outside. deploy/containers.md of Torwart explains it.
x-hardened: &hardened
  read_only: true
  cap_drop: [ALL]
  security_opt: ["no-new-privileges:true"]
  pids_limit: 256
  restart: unless-stopped

services:
${services.join('\n')}
networks:
  edge: {}
  # No internet access: these services reach only each other.
  inside: { internal: true }
${runsOllama(answers) ? '\nvolumes:\n  models:\n' : ''}`
}

const ollamaService = `  ollama:
    <<: *hardened
    image: ollama/ollama:0.35.0
    networks: [inside]
    environment: { OLLAMA_NO_CLOUD: "1", OLLAMA_HOST: "0.0.0.0:11434", HOME: /models, OLLAMA_MODELS: /models }
    volumes: ["models:/models"]
    tmpfs: ["/tmp:size=256m,mode=1777"]
    mem_limit: 16g
`

const redisService = `  redis:
    <<: *hardened
    image: redis:8.2-alpine
    user: "999:1000"
    networks: [inside]
    command: ["redis-server", "--save", "", "--appendonly", "no", "--maxmemory", "128mb", "--maxmemory-policy", "noeviction"]
    tmpfs: ["/data:size=16m,mode=1777"]
    mem_limit: 192m
`

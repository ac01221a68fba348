/** Asks a model server of the policy what can be asked without changing anything. */
import { hostname, networkInterfaces } from 'node:os'
import { isLoopback } from '../../policy/address.ts'
import type { Upstream } from '../../policy/policy.ts'
import type { Listener, Looked, ServerFacts } from '../facts.ts'
import { askHttp, type HttpAnswer, memberOf } from './ask.ts'
import { processOf, readEnvironment } from './proc.ts'

/** Addresses of this host at which a server is looked for. */
const maxAddresses = 8
/** No page has this origin (RFC 2606). */
const strangeOrigin = 'https://torwart-doctor.invalid'
const probes = { ollama: '/api/version', localai: '/readyz', openai: '/v1/models' } as const
const silent = { why: 'it does not answer within a second' }

const onSocket = {
  environment: { why: 'it is on a Unix socket, by which its process is not looked for' },
  reachableAt: [],
  version: { why: 'it is on a Unix socket, which is not asked' },
}

/** Returns the addresses of this host that other hosts may use, without those of one link only. */
export function ownAddresses(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ internal, address }) => !internal && !address.startsWith('fe80:'))
    .map(({ address }) => address)
    .slice(0, maxAddresses)
}

/** Reads the facts of one model server. Takes about a second at most. */
export async function readServer(
  upstream: Upstream,
  listeners: Looked<readonly Listener[]>,
): Promise<ServerFacts> {
  if (upstream.socketPath !== undefined) return { upstream, port: 0, isHere: true, ...onSocket }
  const { protocol, hostname: given, port: written } = new URL(upstream.origin)
  const host = given.replace(/^\[|\]$/g, '')
  const port = Number(written || (protocol === 'https:' ? 443 : 80))
  const addresses = ownAddresses()
  const isHere = isLoopback(host) || addresses.includes(host) || host === hostname()
  const common = { upstream, port, isHere, environment: environmentAt(port, isHere, listeners) }
  if (upstream.remote)
    return { ...common, reachableAt: [], version: { why: 'it is outside; nothing is sent to it' } }
  const [reachableAt, own] = await Promise.all([
    isHere ? answering(addresses, protocol, port, probes[upstream.kind]) : [],
    questions[upstream.kind](upstream),
  ])
  return { ...common, reachableAt, ...own }
}

function environmentAt(
  port: number,
  isHere: boolean,
  listeners: Looked<readonly Listener[]>,
): ServerFacts['environment'] {
  if (!isHere) return { why: 'it is on another host' }
  if ('why' in listeners) return listeners
  const listener = listeners.value.find((each) => each.port === port)
  if (listener === undefined) return { why: `nothing listens on port ${port}` }
  const pid = processOf(listener.inode)
  return pid === undefined
    ? { why: 'its process belongs to another user; run `doctor` as root' }
    : readEnvironment(pid)
}

async function answering(
  addresses: readonly string[],
  protocol: string,
  port: number,
  path: string,
): Promise<string[]> {
  const answers = await Promise.all(
    addresses.map((address) =>
      askHttp(`${protocol}//${address.includes(':') ? `[${address}]` : address}:${port}${path}`),
    ),
  )
  return addresses.filter((_address, index) => answers[index] !== undefined)
}

type Own = Omit<ServerFacts, 'upstream' | 'port' | 'isHere' | 'environment' | 'reachableAt'>

const questions: Readonly<Record<Upstream['kind'], (upstream: Upstream) => Promise<Own>>> = {
  ollama: askOllama,
  localai: askLocalAi,
  openai: async () => ({ version: { why: 'servers of the kind openai tell no version' } }),
}

async function askOllama({ origin, key }: Upstream): Promise<Own> {
  const credential = bearer(key)
  const [version, status, foreign] = await Promise.all([
    askHttp(`${origin}/api/version`, credential),
    askHttp(`${origin}/api/status`, credential),
    askHttp(`${origin}/api/version`, { ...credential, origin: strangeOrigin }),
  ])
  const cloud = status && memberOf(status.text, 'cloud')
  const disabled = memberOf(JSON.stringify(cloud ?? {}), 'disabled')
  return {
    version: versionOf(version),
    anyOrigin:
      foreign === undefined
        ? silent
        : { value: ['*', strangeOrigin].includes(foreign.headers.get('access-control-allow-origin') ?? '') },
    cloudOff:
      typeof disabled === 'boolean'
        ? { value: disabled }
        : status === undefined
          ? silent
          : { why: 'this version does not tell whether cloud models are off' },
  }
}

async function askLocalAi({ origin, key }: Upstream): Promise<Own> {
  const credential = bearer(key)
  const [version, models, galleries] = await Promise.all([
    askHttp(`${origin}/version`, credential),
    askHttp(`${origin}/v1/models`),
    askHttp(`${origin}/models/galleries`, credential),
  ])
  return {
    version: versionOf(version),
    isKeyless: models === undefined ? silent : { value: models.status === 200 },
    hasGalleries: galleriesIn(galleries),
  }
}

function galleriesIn(answer: HttpAnswer | undefined): Looked<boolean> {
  if (answer === undefined) return silent
  if (answer.status === 401 || answer.status === 403) return { why: 'it refuses the key of the policy' }
  return { value: answer.status === 200 }
}

function versionOf(answer: HttpAnswer | undefined): Looked<string> {
  if (answer === undefined) return silent
  const version = answer.status === 200 ? memberOf(answer.text, 'version') : undefined
  return typeof version === 'string' ? { value: version } : { why: 'it does not tell its version' }
}

function bearer(key: string | undefined): Record<string, string> {
  return key === undefined ? {} : { authorization: `Bearer ${key}` }
}

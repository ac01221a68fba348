/** Calls to the admin API of the running gateway. */
import { unixScheme, urlOf } from '../../policy/address.ts'
import type { Policy } from '../../policy/policy.ts'
import { adminOption, type Io, type Option, textOf, type Values } from '../command.ts'

/** The options of commands that approvers run with their own keys. */
export const adminCredentialOptions: readonly Option[] = [
  { flags: '--key-file <file>', description: 'file with your own key, if the policy names approvers' },
  adminOption,
]

/** Where the admin API is, and the credential to present. */
export interface AdminTarget {
  /** Scheme, host and port, or `unix:` and a path. */
  readonly base: string
  readonly credential: string | undefined
}

/** Returns the address given by `--admin`, or else the one in the policy. */
export function adminTarget(
  values: Values,
  admin: Policy['admin'],
  credential: string | undefined = admin.token,
): AdminTarget {
  return { base: textOf(values, 'admin') || urlOf('http', admin), credential }
}

interface Call {
  /** Below `/admin/v1`. */
  readonly path: string
  /** Posted as JSON; absent: GET. */
  readonly body?: object | undefined
  /** Absent: without a limit. */
  readonly timeoutMs?: number
}

interface Called<T> {
  /** What the gateway answered; undefined if it refused or did not answer, of which the user was told. */
  readonly answer: T | undefined
  /** Whether it answered at all. */
  readonly isReached: boolean
}

/**
 * Calls the admin API, and tells the user on stderr if it fails.
 * @typeParam T the JSON that this path answers with, trusted because it is the operator's own gateway
 */
export async function callAdmin<T>(
  io: Io,
  { base, credential }: AdminTarget,
  { path, body, timeoutMs }: Call,
): Promise<Called<T>> {
  const response = await send(base, `/admin/v1${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      ...(credential === undefined ? {} : { authorization: `Bearer ${credential}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(timeoutMs === undefined ? {} : { signal: AbortSignal.timeout(timeoutMs) }),
  }).catch(() => undefined)
  const answer: unknown = await response?.json().catch(() => undefined)
  if (response?.ok && answer !== undefined) return { answer: answer as T, isReached: true }
  const error = typeof answer === 'object' && answer !== null && 'error' in answer ? `: ${answer.error}` : ''
  io.err(`${base} ${response ? `answers ${response.status}${error}` : 'does not answer'}\n`)
  return { answer: undefined, isReached: response !== undefined }
}

/** What is sent, as far as both ways of sending take it. */
interface Sent {
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
  readonly signal?: AbortSignal
}

async function send(
  base: string,
  path: string,
  sent: Sent,
): Promise<{ readonly ok: boolean; readonly status: number; json(): Promise<unknown> }> {
  if (!base.startsWith(unixScheme)) return fetch(`${base}${path}`, sent)
  // Node's own `fetch` knows no Unix sockets.
  const { Agent, fetch: fetchBySocket } = await import('undici')
  const dispatcher = new Agent({
    connect: { socketPath: base.slice(unixScheme.length) },
    keepAliveTimeout: 1,
  })
  return fetchBySocket(`http://localhost${path}`, { ...sent, dispatcher })
}

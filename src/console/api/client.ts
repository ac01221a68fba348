/** Asks the admin API. The cookie of the session travels by itself; what changes something carries its CSRF token. */
import type { Session } from './types.ts'

/** A response that is no success. The message is the server's sentence. */
export class ApiError extends Error {
  /** The HTTP status; 0: the server was not reached. */
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

/** Where a session is made, asked for and ended. */
export const sessionPath = '/console/api/session'

let csrf = ''
let whenSignedOut = () => {}

/** Sets what is called when the server says that there is no session any more. */
export function onSignedOut(listener: () => void): void {
  whenSignedOut = listener
}

/** Takes a session's CSRF token for all that follows. */
export function takeSession(session: Session | null): void {
  csrf = session?.csrf ?? ''
}

/** How something is asked for. */
export interface GetOptions {
  readonly signal?: AbortSignal
  /** The page asks by itself: that does not keep a session alive. */
  readonly isBackground?: boolean
}

/** Gets a document. @throws ApiError */
export function get<T>(path: string, options: GetOptions = {}): Promise<T> {
  return ask<T>('GET', path, undefined, options)
}

const maxTries = 7
const waitMs = 250

/** Gets what the server does for one at a time, and waits for its turn. @throws ApiError */
export async function getInTurn<T>(path: string, options: GetOptions = {}): Promise<T> {
  for (let tries = 1; ; tries++)
    try {
      return await get<T>(path, options)
    } catch (error) {
      const isBusy = error instanceof ApiError && error.status === 429
      if (!isBusy || tries === maxTries || options.signal?.aborted) throw error
      await new Promise((resolve) => setTimeout(resolve, tries * waitMs))
    }
}

/** Sends a change. @throws ApiError */
export function send<T>(method: 'POST' | 'DELETE', path: string, body?: object): Promise<T> {
  return ask<T>(method, path, body)
}

/** Gets a text. @throws ApiError */
export async function getText(path: string): Promise<string> {
  const response = await reach('GET', path)
  if (!response.ok) throw await problemOf(response, path)
  return response.text()
}

/** Writes parameters as a query, without empty ones. */
export function queryOf(parameters: Readonly<Record<string, string | undefined>>): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters)) if (value) query.set(name, value)
  const text = query.toString()
  return text === '' ? '' : `?${text}`
}

async function ask<T>(method: string, path: string, body?: object, options: GetOptions = {}): Promise<T> {
  const response = await reach(method, path, body, options)
  if (!response.ok) throw await problemOf(response, path)
  // A 204 has no body, and nobody reads it.
  return JSON.parse((await response.text()) || 'null')
}

async function reach(
  method: string,
  path: string,
  body?: object,
  { signal, isBackground = false }: GetOptions = {},
): Promise<Response> {
  const headers: Record<string, string> = { accept: 'application/json' }
  if (method !== 'GET' && csrf !== '') headers['x-torwart-csrf'] = csrf
  if (isBackground) headers['x-torwart-background'] = '1'
  if (body) headers['content-type'] = 'application/json'
  try {
    return await fetch(path, {
      method,
      headers,
      credentials: 'same-origin',
      cache: 'no-store',
      ...(body ? { body: JSON.stringify(body) } : {}),
      ...(signal ? { signal } : {}),
    })
  } catch (error) {
    if (signal?.aborted) throw error
    throw new ApiError(0, '')
  }
}

async function problemOf(response: Response, path: string): Promise<ApiError> {
  if (response.status === 401 && path !== sessionPath) whenSignedOut()
  const body: unknown = await response.json().catch(() => null)
  const said = typeof body === 'object' && body !== null && 'error' in body ? body.error : ''
  return new ApiError(response.status, typeof said === 'string' ? said : '')
}

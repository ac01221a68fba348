/** One short question over HTTP: bounded in time and size, without redirects. */

const withinMs = 1000
const maxBytes = 65_536

/** What a server answered. */
export interface HttpAnswer {
  readonly status: number
  readonly headers: Headers
  /** At most 64 KiB. */
  readonly text: string
}

/** Sends a GET. @returns undefined if there is no answer within a second */
export async function askHttp(
  url: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<HttpAnswer | undefined> {
  try {
    const signal = AbortSignal.timeout(withinMs)
    const response = await fetch(url, { headers, redirect: 'manual', signal })
    return { status: response.status, headers: response.headers, text: await beginning(response) }
  } catch {
    return undefined
  }
}

async function beginning({ body }: Response): Promise<string> {
  const pieces: Uint8Array[] = []
  let bytes = 0
  for await (const piece of body ?? []) {
    pieces.push(piece)
    bytes += piece.length
    if (bytes >= maxBytes) break
  }
  return Buffer.concat(pieces).subarray(0, maxBytes).toString('utf8')
}

/** Returns a member of a JSON object; undefined if the text is none or has no such member. */
export function memberOf(text: string, name: string): unknown {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
  } catch {
    return undefined
  }
}

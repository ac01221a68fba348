/** A GET with headers and paths that `fetch` would not let us choose, on a connection of its own. */
import { request } from 'node:http'

export function getPlain(
  url: string,
  headers: Record<string, string> = {},
  path = new URL(url).pathname,
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { path, headers, agent: false }, (response) => {
      let text = ''
      response.on('data', (piece: Buffer) => {
        text += piece.toString()
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
      response.on('error', reject)
    })
    sent.on('error', reject)
    sent.end()
  })
}

/** What Ollama's own command sends, header by header, for `ollama list`, `run`, `show` and `stop`. */
import { request } from 'node:http'

export interface CommandAnswer {
  readonly status: number
  readonly text: string
}

/** No credential, chosen by nobody: the command has none. */
export function asCommand(url: string, method: string, path: string, body?: object): Promise<CommandAnswer> {
  const text = body === undefined ? '' : JSON.stringify(body)
  const headers: Record<string, string> = {
    'user-agent': 'ollama/0.33.0 (amd64 linux) Go/go1.24.1',
    'accept-encoding': 'gzip',
    ...(method === 'HEAD' ? {} : { accept: 'application/json', 'content-type': 'application/json' }),
    ...(text === ''
      ? {}
      : { accept: 'application/x-ndjson', 'content-length': String(Buffer.byteLength(text)) }),
  }
  return new Promise((resolve, reject) => {
    const sent = request(url + path, { method, headers, agent: false }, (response) => {
      let answer = ''
      response.on('data', (piece: Buffer) => {
        answer += piece.toString()
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text: answer }))
      response.on('error', reject)
    })
    sent.on('error', reject)
    sent.end(text)
  })
}

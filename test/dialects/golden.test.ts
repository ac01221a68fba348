/**
 * Every recorded exchange of real servers, read once: what the scanner saw, what was forwarded, what was counted and
 * what was said, kept beside the tests. A change of any of these shows in review (`vitest --update` writes them).
 */
import { describe, expect, it } from 'vitest'
import { isObject, type JsonValue } from '../../src/core/json.ts'
import { Refusal } from '../../src/core/refusal.ts'
import type { ServerKind } from '../../src/core/servers.ts'
import { passThrough } from '../../src/dialects/common/output-filter.ts'
import type { Exchange, Prompt, ResponseReader } from '../../src/dialects/dialect.ts'
import { dialects } from '../../src/dialects/dialects.ts'
import { framingOf } from '../../src/dialects/framing/content-type.ts'
import { allRecordedLocalai } from '../rig/localai.ts'
import { allRecorded, type Recorded } from '../rig/model-server.ts'

const exchanges = dialects.flatMap(({ endpoints }) =>
  endpoints.filter((endpoint): endpoint is Exchange => endpoint.kind === 'exchange' && !endpoint.form),
)

function bodyOf({ request }: Recorded): JsonValue | undefined {
  try {
    return JSON.parse(request.body ?? '') as JsonValue
  } catch {
    return undefined
  }
}

function readAnswer(reader: ResponseReader, { response }: Recorded): void {
  const type = response.headers.find(([header]) => /^content-type$/i.test(header))?.[1] ?? ''
  const splitter = (reader.framing?.(type) ?? framingOf(type)).split((frame) => {
    if (reader.state !== 'ended' && reader.state !== 'failed') reader.frame(frame, passThrough)
  })
  for (const { text } of response.chunks) splitter.push(Buffer.from(text))
  splitter.end()
}

function forwarded(endpoint: Exchange, prompt: Prompt, server: ServerKind, recorded: Recorded) {
  const { texts, tools, counts, unread } = prompt
  const caps = { outputTokens: 1000, contextTokens: 4096, choices: 1 }
  const keepAlive = { minSeconds: 30, maxSeconds: 3600 }
  const orders = { model: prompt.model, others: [], ...caps, keepAlive, modelDefaults: {} }
  const { body, reader, outputTokens, clamped, dropped } = endpoint.prepare(prompt, { ...orders, server })
  const request = {
    seen: texts,
    tools,
    counts,
    unread,
    forwarded: { ...body },
    outputTokens,
    clamped,
    dropped,
  }
  if (recorded.response.status !== 200) return request
  readAnswer(reader, recorded)
  const { text, toolCalls } = reader.transcript
  return { ...request, state: reader.state, usage: reader.usage, said: { text, toolCalls } }
}

const servers = [
  ['ollama', allRecorded],
  ['localai', allRecordedLocalai],
] as const

describe.each(servers)('recorded with %s', (server, recordings) => {
  const asked = recordings.flatMap((recorded) => {
    const endpoint = exchanges.find(({ path }) => path === recorded.request.path)
    const body = bodyOf(recorded)
    return endpoint && isObject(body) ? [{ name: recorded.name, recorded, endpoint, body }] : []
  })

  it.each(asked)('$name', async ({ name, recorded, endpoint, body }) => {
    let golden: object
    try {
      golden = forwarded(endpoint, endpoint.read(body, new Set()), server, recorded)
    } catch (refusal) {
      if (!(refusal instanceof Refusal)) throw refusal
      golden = { refused: refusal.say }
    }
    await expect(`${JSON.stringify(golden, null, 2)}\n`).toMatchFileSnapshot(`golden/${server}/${name}.json`)
  })
})

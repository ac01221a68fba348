/** What a page of `browsers.test.ts` runs. */
import OpenAI, { APIError } from 'openai'
import type { ChatCompletionCreateParamsNonStreaming } from 'openai/resources'

/** Asks twice, whole and as a stream; returns the texts, or what the client says of the failure. */
export async function run(baseURL: string, apiKey: string, wanted: ChatCompletionCreateParamsNonStreaming) {
  const client = new OpenAI({ baseURL, apiKey, dangerouslyAllowBrowser: true, maxRetries: 0 })
  try {
    const { choices } = await client.chat.completions.create(wanted)
    let streamed = ''
    for await (const chunk of await client.chat.completions.create({ ...wanted, stream: true }))
      streamed += chunk.choices[0]?.delta.content ?? ''
    return { text: choices[0]?.message.content, streamed }
  } catch (error) {
    if (!(error instanceof APIError)) throw error
    return { name: error.constructor.name, status: error.status, code: error.headers?.get('x-torwart-code') }
  }
}

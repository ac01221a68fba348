/**
 * Texts of a request as attributes of its span, in the JSON of the conventions
 * (https://github.com/open-telemetry/semantic-conventions/blob/v1.41.0/docs/gen-ai/gen-ai-input-messages.json). They are
 * those of the audit record, so masked, and no more than it has; and they are bounded once more here.
 */
import type { RecordedText } from '../../audit/write/record.ts'
import { attribute } from '../../telemetry/otlp/names.ts'
import type { SpanAttributes } from '../../telemetry/otlp/span.ts'
import type { SettledRequest } from '../finish/observers.ts'

/** Characters of all texts of one direction. */
const maxCharacters = 16 * 1024
const maxCalls = 32

interface Message {
  readonly role: string
  readonly parts: readonly object[]
}

type Words = Extract<RecordedText, { text: string }>

const hasWords = (text: RecordedText): text is Words => 'text' in text && text.text !== ''

/** Makes the attributes. Texts that the record has only as digest or reference are not in them. */
export function contentOf({ content, written }: SettledRequest): SpanAttributes {
  const said = newestWithin(written().filter(hasWords), maxCharacters)
  const system = said.filter(({ channel }) => channel === 'system')
  const others = said.filter(({ channel }) => channel !== 'system' && channel !== 'definition')
  const input = others.map(({ channel, text }): Message => ({ role: roleOf(channel), parts: [partOf(text)] }))
  return {
    [attribute.systemInstructions]: asJson(system.map(({ text }) => partOf(text))),
    [attribute.inputMessages]: asJson(input),
    [attribute.outputMessages]: asJson(outputOf(content)),
  }
}

function outputOf({ answer }: SettledRequest['content']): Message[] {
  if (!answer) return []
  let left = maxCharacters
  const take = (text: string) => {
    const taken = text.slice(0, left)
    left -= taken.length
    return taken
  }
  const text = hasWords(answer.text) ? [partOf(take(answer.text.text))] : []
  const calls = answer.toolCalls.slice(0, maxCalls).map(({ name, arguments: values }) => {
    return { type: 'tool_call', name, arguments: take(values) }
  })
  const parts = [...text, ...calls]
  return parts.length === 0 ? [] : [{ role: 'assistant', parts }]
}

/** The newest texts, in their order; the oldest of them cut where room ends. */
function newestWithin(texts: readonly Words[], characters: number): Words[] {
  const kept: Words[] = []
  let left = characters
  for (const { channel, text } of texts.toReversed()) {
    if (left <= 0) break
    kept.push({ channel, text: text.slice(0, left) })
    left -= text.length
  }
  return kept.reverse()
}

const partOf = (content: string) => ({ type: 'text', content })

/** A document is the user's to the conventions. */
const roleOf = (channel: string) => (channel === 'document' ? 'user' : channel)

function asJson(list: readonly object[]): string | undefined {
  return list.length === 0 ? undefined : JSON.stringify(list)
}

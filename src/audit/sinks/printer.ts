/** How a receiver gets a record: in which words, and whether with texts. */
import type { SinkSettings } from '../../policy/policy.ts'
import { severityOf, toCef } from '../formats/cef.ts'
import { toEcs } from '../formats/ecs.ts'
import type { Entry } from '../write/entry.ts'
import type { SinkMessage } from './message.ts'

/** Makes what prints records in the format that a receiver takes. */
export function printerOf({
  format,
  content,
}: Pick<SinkSettings, 'format' | 'content'>): (line: string, entry: Entry) => SinkMessage {
  const print = { cef: toCef, ecs: toEcs, jsonl: undefined }[format]
  return (line, entry) => ({
    text: print ? print(entry) : content === 'masked' ? line : withoutTexts(entry),
    severity: severityOf(entry),
    time: entry.time,
  })
}

/** What is left does not fit the digest any more, so the salt is of no use. */
function withoutTexts({
  salt: _salt,
  prompt: _prompt,
  excerpts: _excerpts,
  answer: _answer,
  stopped: _stopped,
  ...rest
}: Entry): string {
  return JSON.stringify(rest)
}

/**
 * The texts of a request as a model server puts them behind each other, so that half an attack in each of two is read
 * as a whole one. Ollama joins the messages of one role that follow each other, whatever calls, results and thoughts
 * stand in them, and puts all system messages into one (`template/template.go`, `collate`).
 */
import type { Channel, Text } from '../core/text.ts'

interface Joined {
  readonly channel: Channel
  text: string
}

/** @param glue what stands before a text that may be glued to the one before: nothing, or a line's end */
export function neighbours(texts: readonly Text[], glue: string): readonly Joined[] {
  const joined: Joined[] = []
  let system: Joined | undefined
  let speaking: Joined | undefined
  let besides: Joined | undefined
  for (const { channel, text, glued, aside } of texts) {
    const before = channel === 'system' ? system : aside ? besides : speaking
    let said = before?.channel === channel ? before : undefined
    if (said) said.text += (glued ? glue : '\n') + text
    else {
      said = { channel, text }
      joined.push(said)
    }
    if (channel === 'system') system = said
    besides = aside ? said : undefined
    if (!aside) speaking = said
  }
  return joined
}

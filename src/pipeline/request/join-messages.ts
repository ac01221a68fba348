/**
 * The texts of a request as a model server puts them behind each other, so that half an attack in each of two is read
 * as a whole one. Ollama joins the messages of one role that follow each other, whatever calls, results and thoughts
 * stand in them, and puts all system messages into one (`template/template.go`, `collate`).
 */
import type { Channel, Text } from '../../core/text.ts'

interface Joined {
  readonly channel: Channel
  text: string
  readonly parts: Part[]
}

/** Where a text begins within those that it is joined with, and the tool that it belongs to. */
export interface Part {
  readonly at: number
  readonly tool: string | undefined
}

/**
 * Joins the texts that a server would put into one message.
 * @param glue what stands before a text that may be glued to the one before: nothing, or a line's end
 */
export function joinMessages(texts: readonly Text[], glue: string): readonly Joined[] {
  const joined: Joined[] = []
  let system: Joined | undefined
  let speaking: Joined | undefined
  let besides: Joined | undefined
  for (const { channel, text, glued, aside, tool } of texts) {
    const before = channel === 'system' ? system : aside ? besides : speaking
    let said = before?.channel === channel ? before : undefined
    if (said) {
      const joint = glued ? glue : '\n'
      said.parts.push({ at: said.text.length + joint.length, tool })
      said.text += joint + text
    } else {
      said = { channel, text, parts: [{ at: 0, tool }] }
      joined.push(said)
    }
    if (channel === 'system') system = said
    besides = aside ? said : undefined
    if (!aside) speaking = said
  }
  return joined
}

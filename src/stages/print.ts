/**
 * What the repetition breaker knows prompts and tool calls by: a digest that is the same for what says the same. Case,
 * blanks, invisible characters, moments in time and random ids make no difference; a number or a day does, because
 * that is how one task of a batch differs from the next.
 */
import { hash } from 'node:crypto'
import type { RouteGroup, ToolCall } from '../dialects/dialect.ts'
import { normalForm } from '../scan/normal-form.ts'
import { createRecall } from '../scan/recall.ts'
import type { Call } from './exchange.ts'

/** Undefined: the prompt is not counted. */
export type PrintPrompt = (call: Call) => string | undefined

/** Those of which an agent makes its next step. What is merely embedded or ranked comes again for good reasons. */
const counted: ReadonlySet<RouteGroup> = new Set(['chat', 'completions'])
/** Longer texts are known by their digest. */
const shortest = 512

export function createPrintPrompt(): PrintPrompt {
  const kept = createRecall((text) => {
    const plain = plainly(text)
    return plain.length < shortest ? plain : digest(plain)
  })
  return ({ caller, endpoint, prompt, model }) => {
    // What a client holds as numbers is what differs then, and nobody here reads it.
    if (!counted.has(endpoint.group) || prompt.texts.length === 0 || prompt.unread.includes('context'))
      return undefined
    const { id } = caller.identity
    const { images, imageBytes } = prompt.counts
    const texts = prompt.texts.map(({ channel, text }) => `${channel} ${kept.of(text, id)}`)
    const about = ['prompt', model.served, prompt.continues ?? '', images, imageBytes]
    return digest([...about, ...texts].join('\n'))
  }
}

export function printToolCall({ name, arguments: given }: ToolCall): string {
  return digest(`tool\n${name}\n${plainly(inOrder(given))}`)
}

const moment = /\d{4}-\d\d-\d\d[t ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?: ?(?:z|[+-]\d\d:?\d\d))?/g
const timeOfDay = /\b\d\d?:\d\d:\d\d\b/g
const uuid = /\b[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}\b/g

/** What all of them have; most texts have none, and one look costs less than three. */
const telling = /\d:\d\d|[\da-f]{4}-[\da-f]{4}-/
const uneven = /\s{2,}|[^\S ]/g

function plainly(text: string): string {
  const { text: normal } = normalForm(text)
  const timeless = telling.test(normal)
    ? normal.replace(moment, '#').replace(timeOfDay, '#').replace(uuid, '#')
    : normal
  return timeless.replace(uneven, ' ').trim()
}

/** JSON with its keys in order; what is none stays as it is. */
function inOrder(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), (_key, value: unknown) =>
      typeof value === 'object' && value !== null && !Array.isArray(value)
        ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
        : value,
    )
  } catch {
    return text
  }
}

function digest(text: string): string {
  return hash('sha256', text, 'base64url')
}

/**
 * What the repetition breaker knows prompts and tool calls by: a digest that is the same for what says the same. Case,
 * blanks, invisible characters, moments in time and random ids make no difference; a number or a day does, because
 * that is how one task of a batch differs from the next.
 */
import { hash } from 'node:crypto'
import { holderOf } from '../../auth/identity.ts'
import { normalForm } from '../../detect/injection/normal-form.ts'
import { createRecall } from '../../detect/injection/scan-cache.ts'
import type { RouteGroup, ToolCall } from '../../dialects/dialect.ts'
import type { Prepared } from '../context.ts'

/** Makes the fingerprint of a prompt; undefined: it is not counted. */
export type FingerprintPrompt = (request: Prepared) => string | undefined

/** Those of which an agent makes its next step. What is merely embedded or ranked comes again for good reasons. */
const counted: ReadonlySet<RouteGroup> = new Set(['chat', 'completions'])
/** Characters of arguments of one answer that are read; what is behind them is compared as it is. */
const maxRead = 256 * 1024
/** Longer texts are known by their digest. */
const shortest = 512

/** Makes what remembers the fingerprints of texts, by caller. */
export function createFingerprintPrompt(): FingerprintPrompt {
  const kept = createRecall((text) => {
    const plain = plainly(text)
    return plain.length < shortest ? plain : digest(plain)
  })
  return (request) => {
    const { identity, endpoint, prompt, model } = request
    // What a client holds as numbers is what differs then, and nobody here reads it.
    if (!counted.has(endpoint.group) || prompt.texts.length === 0 || prompt.unread.includes('context'))
      return undefined
    const holder = holderOf(identity)
    const texts = prompt.texts.map(({ channel, text }) => `${channel} ${kept.of(text, holder)}`)
    // What no text says makes the difference between two pictures; with it goes everything else of the body.
    const body = prompt.counts.images > 0 ? digest(bodyOf(request)) : ''
    const about = ['prompt', model.served, prompt.previousResponseId ?? '', body]
    return digest([...about, ...texts].join('\n'))
  }
}

/** Without the tag and the marker, which no two requests share. */
function bodyOf({ prompt, spotlighting, canary }: Prepared): string {
  const text = JSON.stringify(prompt.body)
  const untagged = spotlighting ? text.replaceAll(spotlighting.tag, '') : text
  return canary === undefined ? untagged : untagged.replaceAll(canary, '')
}

/** Makes the fingerprints of the tool calls of one response, in their order. */
export function fingerprintToolCalls(calls: readonly ToolCall[]): string[] {
  let room = maxRead
  return calls.map(({ name, arguments: given }) => {
    room -= given.length
    return digest(`tool\n${name}\n${room >= 0 ? plainly(inOrder(given)) : given}`)
  })
}

const moment = /\d{4}-\d\d-\d\d[t ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?: ?(?:z|[+-]\d\d:?\d\d))?/g
const timeOfDay = /\b\d\d?:\d\d(?::\d\d)?(?: ?[ap]m)?\b/g
/** Milliseconds since 1970, from 2017 on. */
const epoch = /\b1[5-9]\d{11}\b/g
/** With dashes and without, and as models number their calls. */
const randomId = /\b(?:[\da-f]{8}-(?:[\da-f]{4}-){3}[\da-f]{12}|[\da-f]{32}|call_[\da-z]{8,40})\b/g

/** What all of them have; most texts have none, and one look costs less than three. */
const telling = /\d:\d\d|call_|[\da-f]{4}(?:-[\da-f]{4}-|[\da-f]{9})/
const uneven = /\s{2,}|[^\S ]/g

function plainly(text: string): string {
  const normal = normalForm(text)
  const timeless = telling.test(normal)
    ? normal.replace(moment, '#').replace(timeOfDay, '#').replace(randomId, '#').replace(epoch, '#')
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

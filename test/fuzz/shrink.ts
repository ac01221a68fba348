/**
 * Makes a failing body small: leaves out members and items, then runs of bytes, as long as the same rule is broken.
 * Finds a small one, not the smallest there is.
 */
import { type Node, parseGo } from './go-json.ts'

export function shrink(body: Uint8Array, fails: (body: Uint8Array) => boolean): Uint8Array {
  let tries = 3000
  const holds = (candidate: Uint8Array) => tries-- > 0 && fails(candidate)
  let smallest = body
  for (let before = -1; before !== smallest.length && tries > 0; ) {
    before = smallest.length
    smallest = withoutParts(smallest, holds)
    smallest = withoutRuns(smallest, holds)
  }
  return smallest
}

function withoutParts(body: Uint8Array, fails: (body: Uint8Array) => boolean): Uint8Array {
  let text = Buffer.from(body).toString('utf8')
  // Bad UTF-8 would be repaired by being read as text.
  if (!Buffer.from(text).equals(body)) return body
  for (;;) {
    const shorter = cuts(text)
      .map(([start, end]) => text.slice(0, start) + text.slice(end))
      .find((candidate) => fails(Buffer.from(candidate)))
    if (shorter === undefined) return Buffer.from(text)
    text = shorter
  }
}

/** What can be left out so that JSON remains, the largest first. */
function cuts(text: string): (readonly [number, number])[] {
  const found: (readonly [number, number])[] = []
  const inside = (parts: readonly (readonly [number, number])[]) => {
    for (const [index, [start, end]] of parts.entries()) {
      const before = parts[index - 1]
      const after = parts[index + 1]
      found.push(before ? [before[1], end] : [start, after ? after[0] : end])
    }
  }
  const visit = (node: Node): void => {
    if (node.kind === 'list') {
      inside(node.items.map(({ start, end }) => [start, end]))
      for (const item of node.items) visit(item)
    } else if (node.kind === 'object') {
      inside(node.members.map(({ start, value }) => [start, value.end]))
      for (const { value } of node.members) visit(value)
    }
  }
  try {
    visit(parseGo(text).root)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
  }
  return found.sort(([from, to], [start, end]) => end - start - (to - from))
}

function withoutRuns(body: Uint8Array, fails: (body: Uint8Array) => boolean): Uint8Array {
  let smallest = Buffer.from(body)
  for (let run = smallest.length >> 1; run > 0; run >>= 1)
    for (let at = 0; at + run <= smallest.length; ) {
      const candidate = Buffer.concat([smallest.subarray(0, at), smallest.subarray(at + run)])
      if (fails(candidate)) smallest = candidate
      else at += run
    }
  return smallest
}

/**
 * Where the texts of a request meet, so that an attack whose halves stand in two of them is read as a whole: in turns of
 * one speaker, whatever others said between, and over channels in the order in which templates put them. Of a long text
 * only its ends are read again; so the work is linear in the texts, and a conversation that grows has few new seams.
 */
import type { Derived } from '../../core/derived.ts'
import { type Channel, channels, type Finding } from '../../core/text.ts'

interface Part {
  readonly channel: Channel
  readonly text: string
  /** As in `Text`: where texts that last meet, is read once. */
  readonly lasting?: true
}

/** Texts that meet, with the places where each but the first begins. */
export interface Seam extends Part {
  readonly joints: readonly Joint[]
}

interface Joint {
  readonly at: number
  /** Of the text that begins there. */
  readonly channel: Channel
}

/**
 * Two sentences that have nothing to do with each other often hold words of a phrase between them, so that what lies over
 * the end of one counts for less.
 */
const sentenceEnd = /[.!?…)\]}"'`»”]\s*$/u

/** UTF-16 code units of a text that are read with its neighbours: longer than any phrase with its gaps. */
const reach = 256
/** From this length on what follows is read apart, so that what was read need not be read again. */
const maxLength = 2048

/**
 * @param texts in the order of the request; whose speakers are trusted are not among them
 * @param derived keeps what is read of texts that last
 */
export function seamsOf(texts: readonly Part[], derived: Derived): Seam[] {
  if (texts.length < 2) return []
  const bySpeaker = groupBySpeaker(texts)
  return [inTemplate(texts, bySpeaker), ...Object.values(bySpeaker)].flatMap((each) => seamsIn(each, derived))
}

/** Of what was found in a seam, what no text holds alone: under the channel of the text that completes it. */
export function acrossJoints({ text, joints }: Seam, findings: readonly Finding[]) {
  if (findings.length === 0) return []
  const completed = findings.flatMap((finding) => {
    const joint = joints.findLast(({ at }) => finding.start < at && at < finding.end)
    return joint ? weighed(joint, text, finding) : []
  })
  if (completed.length === 0) return []
  return channels.flatMap((channel) => {
    const found = completed.filter((each) => each.channel === channel).map(({ finding }) => finding)
    return found.length > 0 ? [{ channel, text, findings: found }] : []
  })
}

function weighed({ at, channel }: Joint, text: string, finding: Finding) {
  if (!sentenceEnd.test(text.slice(Math.max(0, at - 8), at))) return [{ channel, finding }]
  return finding.severity === 'high'
    ? [{ channel, finding: { ...finding, severity: 'medium' as const } }]
    : []
}

type BySpeaker = Readonly<Record<Channel, readonly Part[]>>

/** In the order of `channels`. */
function groupBySpeaker(texts: readonly Part[]): BySpeaker {
  const groups = { system: [], user: [], assistant: [], tool: [], definition: [], document: [] }
  const bySpeaker: Record<Channel, Part[]> = groups
  for (const text of texts) bySpeaker[text.channel].push(text)
  return bySpeaker
}

/** System prompts stand first, then what there is of tools, then who said what. */
function inTemplate(texts: readonly Part[], { system, definition }: BySpeaker): Part[] {
  const others = texts.filter(({ channel }) => channel !== 'system' && channel !== 'definition')
  return [...system, ...definition, ...others]
}

function seamsIn(texts: readonly Part[], derived: Derived): Seam[] {
  const seams: Seam[] = []
  let reading = derived.of('read', nowhere, () => new Reading('', undefined, 'user', true))
  for (const text of texts) {
    const { seam, next } = reading.on(text, derived)
    if (seam) seams.push(seam)
    reading = next
  }
  const last = reading.seam(derived)
  if (last) seams.push(last)
  return seams
}

/** What reading on over a text has completed, if anything, and what is being read then. */
interface Step {
  readonly seam: Seam | undefined
  readonly next: Reading
}

/** The last joint so far, and those before it: so that reading on copies none of them. */
interface Joints {
  readonly joint: Joint
  readonly before: Joints | undefined
}

/** A seam as far as it was read. */
class Reading {
  readonly #text: string
  readonly #joints: Joints | undefined
  readonly #channel: Channel
  readonly #lasting: boolean
  /** Over texts that last. */
  #steps: WeakMap<Part, Step> | undefined
  #seam: Seam | undefined

  constructor(text: string, joints: Joints | undefined, channel: Channel, lasting: boolean) {
    this.#text = text
    this.#joints = joints
    this.#channel = channel
    this.#lasting = lasting
  }

  /** Undefined: no two texts meet in it. */
  seam(derived: Derived): Seam | undefined {
    if (!this.#joints) return undefined
    if (this.#seam) return this.#seam
    this.#seam = this.#make(listOf(this.#joints))
    if (this.#lasting) derived.count(1, this.#text.length)
    return this.#seam
  }

  #make(joints: readonly Joint[]): Seam {
    const [channel, text] = [this.#channel, this.#text]
    return this.#lasting ? { channel, text, joints, lasting: true } : { channel, text, joints }
  }

  on(text: Part, derived: Derived): Step {
    if (!this.#lasting || !text.lasting) return this.#readOn(text, derived)
    this.#steps ??= new WeakMap()
    const known = this.#steps.get(text)
    if (known) return known
    const step = this.#readOn(text, derived)
    derived.count(1, 0)
    this.#steps.set(text, step)
    return step
  }

  #readOn(part: Part, derived: Derived): Step {
    const { channel, text } = part
    const lasting = this.#lasting && part.lasting === true
    const isLong = text.length > 2 * reach
    const before = this.#text === '' ? '' : `${this.#text}\n`
    const joint = { at: before.length, channel }
    const joints = before === '' ? undefined : { joint, before: this.#joints }
    const seam = before + (isLong ? text.slice(0, reach) : text)
    const whole = new Reading(seam, joints, channel, lasting)
    if (isLong) return { seam: whole.seam(derived), next: behind(part, derived) }
    if (seam.length < maxLength) return { seam: undefined, next: whole }
    const from = seam.length - reach
    return {
      seam: whole.seam(derived),
      next: new Reading(seam.slice(from), behindOf(joints, from), channel, lasting),
    }
  }
}

/** In their order. */
function listOf(joints: Joints): Joint[] {
  const list: Joint[] = []
  for (let each: Joints | undefined = joints; each; each = each.before) list.push(each.joint)
  return list.reverse()
}

/** The joints behind a place, counted from there. */
function behindOf(joints: Joints | undefined, from: number): Joints | undefined {
  if (!joints) return undefined
  let rest: Joints | undefined
  for (const { at, channel } of listOf(joints))
    if (at > from) rest = { joint: { at: at - from, channel }, before: rest }
  return rest
}

/** Where reading begins. */
const nowhere = {}

/** The end of a long text is the same whatever stood before it. */
function behind(part: Part, derived: Derived): Reading {
  const end = () => new Reading(part.text.slice(-reach), undefined, part.channel, part.lasting === true)
  return part.lasting ? derived.of('ends', part, end) : end()
}

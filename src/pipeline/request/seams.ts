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
  /** As in `Text`: seams of texts that last are made once. */
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

/** UTF-16 code units of a long text that are joined with its neighbours: longer than any phrase with its gaps. */
const reach = 256
/** A longer seam is completed and a new one begun with its end, so that its beginning need not be scanned again. */
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
  let open = derived.of('read', nowhere, () => new OpenSeam('', undefined, 'user', true))
  for (const text of texts) {
    const { completed, next } = open.extend(text, derived)
    if (completed) seams.push(completed)
    open = next
  }
  const last = open.seam(derived)
  if (last) seams.push(last)
  return seams
}

/** The result of extending a seam by a text: the seam that this completes, if any, and the one that is open then. */
interface Extension {
  readonly completed: Seam | undefined
  readonly next: OpenSeam
}

/** The last joint so far, linked to those before it, so that extending a seam copies none. */
interface Joints {
  readonly joint: Joint
  readonly before: Joints | undefined
}

/** A seam that further texts may extend. */
class OpenSeam {
  readonly #text: string
  readonly #joints: Joints | undefined
  readonly #channel: Channel
  readonly #lasting: boolean
  /** By texts that last: extended once for all requests. */
  #extensions: WeakMap<Part, Extension> | undefined
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

  extend(text: Part, derived: Derived): Extension {
    if (!this.#lasting || !text.lasting) return this.#extended(text, derived)
    this.#extensions ??= new WeakMap()
    const known = this.#extensions.get(text)
    if (known) return known
    const extension = this.#extended(text, derived)
    derived.count(1, 0)
    this.#extensions.set(text, extension)
    return extension
  }

  #extended(part: Part, derived: Derived): Extension {
    const { channel, text } = part
    const lasting = this.#lasting && part.lasting === true
    const isLong = text.length > 2 * reach
    const before = this.#text === '' ? '' : `${this.#text}\n`
    const joint = { at: before.length, channel }
    const joints = before === '' ? undefined : { joint, before: this.#joints }
    const seam = before + (isLong ? text.slice(0, reach) : text)
    const whole = new OpenSeam(seam, joints, channel, lasting)
    if (isLong) return { completed: whole.seam(derived), next: endOf(part, derived) }
    if (seam.length < maxLength) return { completed: undefined, next: whole }
    const from = seam.length - reach
    return {
      completed: whole.seam(derived),
      next: new OpenSeam(seam.slice(from), behindOf(joints, from), channel, lasting),
    }
  }
}

/** Lists joints in the order of the text. */
function listOf(joints: Joints): Joint[] {
  const list: Joint[] = []
  for (let each: Joints | undefined = joints; each; each = each.before) list.push(each.joint)
  return list.reverse()
}

/** Returns the joints behind an offset, relative to it. */
function behindOf(joints: Joints | undefined, from: number): Joints | undefined {
  if (!joints) return undefined
  let rest: Joints | undefined
  for (const { at, channel } of listOf(joints))
    if (at > from) rest = { joint: { at: at - from, channel }, before: rest }
  return rest
}

/** Stands for the beginning, before any text. */
const nowhere = {}

/** Opens a seam with the end of a long text, which is the same whatever precedes the text. */
function endOf(part: Part, derived: Derived): OpenSeam {
  const end = () => new OpenSeam(part.text.slice(-reach), undefined, part.channel, part.lasting === true)
  return part.lasting ? derived.of('ends', part, end) : end()
}

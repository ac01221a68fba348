/**
 * Where the texts of a request meet, so that an attack whose halves stand in two of them is read as a whole: in turns of
 * one speaker, whatever others said between, and over channels in the order in which templates put them. Of a long text
 * only its ends are read again; so the work is linear in the texts, and a conversation that grows has few new seams.
 */
import { type Channel, channels, type Finding } from '../../core/text.ts'

interface Part {
  readonly channel: Channel
  readonly text: string
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

/** @param texts in the order of the request; whose speakers are trusted are not among them */
export function seamsOf(texts: readonly Part[]): Seam[] {
  if (texts.length < 2) return []
  const bySpeaker = channels.map((speaker) => texts.filter(({ channel }) => channel === speaker))
  return [inTemplate(texts), ...bySpeaker].flatMap((spoken) => [...seamsIn(spoken)])
}

/** Of what was found in a seam, what no text holds alone: under the channel of the text that completes it. */
export function acrossJoints({ text, joints }: Seam, findings: readonly Finding[]) {
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

/** System prompts stand first, then what there is of tools, then who said what. */
function inTemplate(texts: readonly Part[]): Part[] {
  const first = texts.filter(({ channel }) => channel === 'system')
  const second = texts.filter(({ channel }) => channel === 'definition')
  const others = texts.filter(({ channel }) => channel !== 'system' && channel !== 'definition')
  return [...first, ...second, ...others]
}

function* seamsIn(texts: readonly Part[]): Generator<Seam> {
  let seam = ''
  let joints: Joint[] = []
  let channel: Channel = 'user'
  for (const { text, channel: next } of texts) {
    const isLong = text.length > 2 * reach
    if (seam !== '') {
      seam += '\n'
      joints.push({ at: seam.length, channel: next })
    }
    seam += isLong ? text.slice(0, reach) : text
    channel = next
    if (!isLong && seam.length < maxLength) continue
    if (joints.length > 0) yield { channel, text: seam, joints }
    const from = seam.length - reach
    joints = isLong
      ? []
      : joints.flatMap(({ at, ...joint }) => (at > from ? [{ ...joint, at: at - from }] : []))
    seam = isLong ? text.slice(-reach) : seam.slice(from)
  }
  if (joints.length > 0) yield { channel, text: seam, joints }
}

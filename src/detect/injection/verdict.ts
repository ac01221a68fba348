/**
 * From findings to a decision. Evidence adds up where it stands together, but only what is independent: findings in the
 * same words are one, and so are the parts of one chat template. In what a user says one heavy finding is enough. In what
 * an agent reads (results of tools, documents, definitions, its own prompt) the words of an attack are quoted, tested,
 * forbidden and explained all day, so that no finding blocks alone there: it takes a second one nearby, such as what
 * `acts/` sees a passage do.
 */
import type { Action, Channel, Finding, Severity } from '../../core/text.ts'

/** What is to be done with a text. */
export interface Verdict {
  readonly action: Action
  /** The heaviest window of the text; 100 is one high finding. */
  readonly score: number
}

/** From which severity on a text is blocked or flagged. */
export interface Thresholds {
  readonly block: Severity
  readonly flag: Severity
}

const weights: Readonly<Record<Severity, number>> = { low: 20, medium: 50, high: 100 }
const channelPercent: Readonly<Record<Channel, number>> = {
  user: 100,
  tool: 100,
  document: 100,
  // Written by developers, in the imperative.
  definition: 80,
  assistant: 50,
  // Agents' own prompts speak of rules and of overriding them all day.
  system: 50,
}
/** Of a tool or a document, where fewer than two findings are orders to the reader: the rest is said of much. */
const percentOfOne = 90
const ordersToReaders: ReadonlySet<string> = new Set(['indirect', 'acts', 'pretext', 'authority'])
/** What users ask of models; a page or a program that says the like is seldom an attack. */
const askedOfModels: ReadonlySet<string> = new Set(['theft', 'persona'])
const percentAsked = 75
/** Of what is only mentioned, and at most as much of all of it together. */
const percentMentioned = 40
const maxMentioned = 90
/** UTF-16 code units within which findings are taken together. */
const windowLength = 1200
/** Between an order and what is asked in one sentence with it. */
const oneBreath = 16

/** `findings` in the order of their place, of one text. */
export function judge(findings: readonly Finding[], channel: Channel, thresholds: Thresholds): Verdict {
  const score = (heaviestWindow(independent(findings, channel), channel) * channelPercent[channel]) / 100
  const action =
    score >= weights[thresholds.block] ? 'block' : score >= weights[thresholds.flag] ? 'flag' : 'allow'
  return { action, score }
}

/** Of findings in the same words the heaviest. Bounded by how many findings of a text are kept. */
function independent(findings: readonly Finding[], channel: Channel): readonly Finding[] {
  if (findings.length < 2) return findings
  const kept: Finding[] = []
  // The shorter first: a phrase with a wide gap must not take the words of two others for its own.
  const heaviestFirst = (a: Finding, b: Finding) =>
    weightIn(channel, b) - weightIn(channel, a) || a.end - a.start - (b.end - b.start)
  for (const finding of findings.toSorted(heaviestFirst))
    if (!kept.some((each) => areSameWords(each, finding))) kept.push(finding)
  return kept.sort((a, b) => a.start - b.start)
}

/** How words are disguised is evidence besides what they say, and an act is more than the words it begins with. */
function areSameWords(a: Finding, b: Finding): boolean {
  if (a.category === 'smuggling' || b.category === 'smuggling') return false
  if (a.category === 'acts' || b.category === 'acts') return isWithin(a, b) && isWithin(b, a)
  return a.start < b.end && b.start < a.end
}

function isWithin(inner: Finding, outer: Finding): boolean {
  return outer.start <= inner.start && inner.end <= outer.end
}

/** What users and models say, they say. */
function isMention(channel: Channel, { mentioned }: Finding): boolean {
  return mentioned === true && channel !== 'user' && channel !== 'assistant'
}

/** @param before the finding in front of it */
function weightIn(channel: Channel, finding: Finding, before?: Finding): number {
  const { category, severity, start } = finding
  // A prompt that tells its model what to keep to itself names all the ways of asking for it. To ask so in one breath with
  // an order to forget what came before is no such list.
  const isOrdered = before?.category === 'override' && start - before.end <= oneBreath
  if (channel === 'system' && category === 'theft' && !isOrdered) return weights.low
  // What was not read is not clean, whoever wrote it.
  if (category === 'overflow') return 250
  // Several parts agree there already; and nobody writes hundreds of characters that nobody sees by chance.
  const isAlone = (category === 'acts' || category === 'smuggling') && severity === 'high'
  const weight = isAlone ? 125 : weights[severity]
  if (isMention(channel, finding)) return (weight * percentMentioned) / 100
  const isAskedOfModels = askedOfModels.has(category) && isRead(channel)
  return isAskedOfModels ? (weight * percentAsked) / 100 : weight
}

function isRead(channel: Channel): boolean {
  return channel === 'tool' || channel === 'document'
}

/** What counts once per window, however often it is repeated. */
function kindOf(channel: Channel, { id, category }: Finding): string {
  if (category === 'delimiter') return category
  // Two ways of asking for a prompt side by side are a list of them, more often than an attack.
  return channel !== 'user' && category === 'theft' ? category : id
}

interface Held {
  count: number
  readonly weight: number
  readonly isMentioned: boolean
  readonly isOrder: boolean
}

function heaviestWindow(findings: readonly Finding[], channel: Channel): number {
  const held = new Map<string, Held>()
  let first = 0
  let made = 0
  let mentioned = 0
  let orders = 0
  let max = 0
  const add = ({ weight, isMentioned, isOrder }: Held, sign: 1 | -1) => {
    if (isMentioned) mentioned += sign * weight
    else made += sign * weight
    if (isOrder) orders += sign
  }
  const leave = (finding: Finding) => {
    const kind = kindOf(channel, finding)
    const known = held.get(kind)
    if (!known || --known.count > 0) return
    held.delete(kind)
    add(known, -1)
  }
  for (const [index, finding] of findings.entries()) {
    for (let oldest = findings[first]; oldest && oldest.start < finding.start - windowLength; ) {
      leave(oldest)
      oldest = findings[++first]
    }
    const kind = kindOf(channel, finding)
    const known = held.get(kind)
    const isMentioned = isMention(channel, finding)
    if (known && (isMentioned || !known.isMentioned)) known.count++
    else {
      // What was mentioned first is said now.
      if (known) add(known, -1)
      const isOrder = !isMentioned && ordersToReaders.has(finding.category)
      const weight = weightIn(channel, finding, findings[index - 1])
      const one = { count: (known?.count ?? 0) + 1, weight, isMentioned, isOrder }
      held.set(kind, one)
      add(one, 1)
    }
    const percent = orders < 2 && isRead(channel) ? percentOfOne : 100
    max = Math.max(max, ((made + Math.min(mentioned, maxMentioned)) * percent) / 100)
  }
  return max
}

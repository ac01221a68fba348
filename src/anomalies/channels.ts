/** Which charts a key and a model have, and which kinds of anomaly have the same cause. */
import type { AnomalyKind, Subject } from './anomaly.ts'
import type { Chart, SavedChart } from './chart.ts'
import { LevelChart } from './level-chart.ts'
import { ShareChart } from './share-chart.ts'
import { VolumeChart } from './volume-chart.ts'

/** Kinds that one cause shows in: of one group a subject has at most one open anomaly. */
export type Group = 'volume' | 'content' | 'refusals' | 'tools' | 'origin'

/** The group of each kind. */
export const groups: Readonly<Record<AnomalyKind, Group>> = {
  'request-rate': 'volume',
  'token-rate': 'volume',
  'prompt-length': 'content',
  'answer-length': 'content',
  'answer-shape': 'content',
  'first-token': 'content',
  language: 'content',
  refusals: 'refusals',
  'model-refusals': 'refusals',
  findings: 'refusals',
  'tool-share': 'tools',
  'new-tool': 'tools',
  hour: 'origin',
  'new-network': 'origin',
}

/** One chart of a subject. */
export interface Channel {
  readonly name: ChannelName
  readonly kind: AnomalyKind
  readonly of: readonly Subject['kind'][]
  readonly create: (nowMs: number, saved?: SavedChart) => Chart
}

/** Names of charts; a kind that is unusual both ways has two. */
export type ChannelName =
  | 'requests'
  | 'tokens'
  | 'prompt'
  | 'longer'
  | 'shorter'
  | 'shape'
  | 'slower'
  | 'language'
  | 'refused'
  | 'refusing'
  | 'complying'
  | 'findings'
  | 'tools'

const both = ['key', 'model'] as const
const volume = (unit: string) => (nowMs: number, saved?: SavedChart) =>
  new VolumeChart({ unit }, nowMs, saved)
const level =
  (unit: string, direction: 1 | -1 = 1, relative?: string) =>
  (nowMs: number, saved?: SavedChart) =>
    new LevelChart({ unit, direction, ...(relative === undefined ? {} : { relative }) }, nowMs, saved)
const share =
  (what: string, direction: 1 | -1 = 1) =>
  (nowMs: number, saved?: SavedChart) =>
    new ShareChart({ what, direction }, nowMs, saved)

/** All charts, in the order in which they are saved. */
export const channels: readonly Channel[] = [
  { name: 'requests', kind: 'request-rate', of: both, create: volume('requests') },
  { name: 'tokens', kind: 'token-rate', of: both, create: volume('tokens') },
  { name: 'prompt', kind: 'prompt-length', of: ['key'], create: level('characters of a prompt') },
  { name: 'longer', kind: 'answer-length', of: both, create: level('answers', 1, 'as long as usual') },
  { name: 'shorter', kind: 'answer-length', of: ['model'], create: level('answers', -1, 'as long as usual') },
  {
    name: 'shape',
    kind: 'answer-shape',
    of: both,
    create: level('answers', 1, 'as far as usual from what this model writes'),
  },
  { name: 'slower', kind: 'first-token', of: ['model'], create: level('ms to the first token') },
  {
    name: 'language',
    kind: 'language',
    of: both,
    create: share('of answers in an unusual language or script'),
  },
  { name: 'refused', kind: 'refusals', of: ['key'], create: share('of requests are refused by the gateway') },
  { name: 'refusing', kind: 'model-refusals', of: both, create: share('of answers begin like a refusal') },
  {
    name: 'complying',
    kind: 'model-refusals',
    of: ['model'],
    create: share('of answers begin like a refusal', -1),
  },
  { name: 'findings', kind: 'findings', of: both, create: share('of requests have findings') },
  { name: 'tools', kind: 'tool-share', of: both, create: share('of answers call a tool') },
]

/** Where each chart is in `channels`: a look-up by name is what observing a request would mostly cost. */
export const at = Object.fromEntries(channels.map(({ name }, index) => [name, index])) as Readonly<
  Record<ChannelName, number>
>

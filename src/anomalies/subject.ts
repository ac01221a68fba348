/** The baselines of one key, or of one digest of a model: charts, and of keys the networks, tools and hours as well. */
import type { AnomalyKind, Subject } from './anomaly.ts'
import { at, type ChannelName, channels, groups } from './channels.ts'
import type { Chart, SavedChart, Verdict } from './chart.ts'
import { ActiveHours, type SavedHours } from './hours.ts'
import { Novelty, type Pool, type SavedNovelty } from './novelty.ts'
import { isPolicyRefusal, type Observation } from './observation.ts'
import { noScript } from './script.ts'
import { type SavedProfile, TextProfile } from './text-profile.ts'
import { type SavedNames, UsualNames } from './usual-names.ts'

/** A subject as JSON. */
export interface SavedSubject {
  readonly subject: Subject
  readonly firstMs: number
  readonly requests: number
  readonly window: number
  readonly isPending: boolean
  readonly driftMs: number
  readonly charts: Readonly<Record<string, SavedChart>>
  readonly scripts: SavedNames
  readonly models: readonly string[]
  readonly ids: readonly (readonly string[])[]
  readonly profile?: SavedProfile
  readonly networks?: SavedNovelty
  readonly tools?: SavedNovelty
  readonly hours?: SavedHours
}

/** How often new networks and tools appear at all keys together. */
export interface Pools {
  readonly networks: Pool
  readonly tools: Pool
}

/** What a subject is found to be, of one kind. */
export interface Finding extends Verdict {
  readonly kind: AnomalyKind
  readonly channel: ChannelName | undefined
}

/** Length of a window. */
export const windowMs = 600_000
/** Hours and requests before anomalies are told. */
export const learningHours = 168
/** See `learningHours`. */
export const learningRequests = 200
/** False alarms that are allowed in a window: of one chart, and of new names and hours together. */
export interface Rates {
  readonly chart: number
  readonly names: number
}

const maxIds = 8
const maxTools = 64
const maxNetworks = 32
const driftEveryMs = 86_400_000

/** What is known of one subject. Observations are counted as they come, and judged when a minute or a window is over. */
export class SubjectBaseline {
  /** The name of a key; name and digest of a model. */
  readonly id: string
  /** Id and sort in one, unlike that of any other subject. */
  readonly member: string
  readonly subject: Subject
  readonly firstMs: number
  requests = 0
  /** The open window: its number since 1970. */
  window: number
  /** Whether something was observed since it was judged. */
  isPending = false
  readonly profile: TextProfile | undefined
  /** Of a key: the last models that it used, as ids of their baselines. */
  readonly models = new Set<string>()
  /** In the order of `channels`; undefined where this sort of subject has none. */
  readonly #charts: readonly (Chart | undefined)[]
  readonly #scripts: UsualNames
  readonly #networks: Novelty | undefined
  readonly #tools: Novelty | undefined
  readonly #hours: ActiveHours | undefined
  #driftMs: number
  #recent: string[] = []
  #telling: string[] = []

  constructor(id: string, subject: Subject, nowMs: number, saved?: SavedSubject) {
    this.id = id
    this.member = `${subject.kind} ${id}`
    this.subject = subject
    this.firstMs = saved?.firstMs ?? nowMs
    this.window = saved?.window ?? Math.floor(nowMs / windowMs)
    this.#driftMs = saved?.driftMs ?? nowMs
    this.#scripts = new UsualNames(saved?.scripts)
    this.#charts = channels.map(({ name, of, create }) =>
      of.includes(subject.kind) ? create(nowMs, saved?.charts[name]) : undefined,
    )
    if (subject.kind === 'model') this.profile = new TextProfile(saved?.profile)
    else {
      this.#networks = new Novelty(maxNetworks, saved?.networks)
      this.#tools = new Novelty(maxTools, saved?.tools)
      this.#hours = new ActiveHours(saved?.hours)
    }
    if (saved !== undefined) this.#reopen(saved)
  }

  /** Of a model: the mean logarithm of the length of its answers; undefined if too little is known. */
  get usualLength(): number | undefined {
    return this.#charts[at.longer]?.level
  }

  /** Counts an observation. @param network its digest @param model the baseline of the model that answered */
  add(seen: Observation, network: string | null, model: SubjectBaseline | undefined): void {
    this.requests++
    this.isPending = true
    this.#put(at.requests, 1)
    this.#put(at.tokens, (seen.inputTokens ?? 0) + (seen.outputTokens ?? 0))
    if (seen.promptLength > 0) this.#put(at.prompt, seen.promptLength)
    const refused = isPolicyRefusal(seen.outcome)
    this.#put(at.refused, refused ? 1 : 0)
    this.#put(at.findings, seen.findings > 0 ? 1 : 0)
    if (seen.firstTokenMs !== null && seen.firstTokenMs > 0) this.#put(at.slower, seen.firstTokenMs)
    const unusual = this.#addAnswer(seen, model)
    const isNew = this.#addNames(seen.tools, network)
    keep(refused || unusual || isNew || seen.findings > 0 ? this.#telling : this.#recent, seen.id)
  }

  #put(channel: number, value: number): void {
    this.#charts[channel]?.add(value)
  }

  #addAnswer(
    { answer, answerLength, outcome, tools }: Observation,
    model: SubjectBaseline | undefined,
  ): boolean {
    // A list of models is answered as well, but not by a model.
    if (model === undefined || (outcome !== 'answered' && outcome !== 'cut')) return false
    this.#put(at.tools, tools.length > 0 ? 1 : 0)
    if (answerLength !== null && answerLength > 0) this.#addLength(answerLength, model)
    if (answer === null) return false
    this.#put(at.refusing, answer.refuses ? 1 : 0)
    this.#put(at.complying, answer.refuses ? 1 : 0)
    const distance = model?.profile?.distance(answer.grams)
    if (distance !== undefined) this.#put(at.shape, distance)
    this.profile?.add(answer.grams)
    if (answer.script === noScript) return answer.refuses
    const unusual = this.#scripts.isUnusual(answer.script)
    this.#scripts.add(answer.script)
    this.#put(at.language, unusual ? 1 : 0)
    return answer.refuses || unusual
  }

  /** Lengths are compared with what the model usually writes, so that another version of a model is no anomaly of its keys. */
  #addLength(length: number, model: SubjectBaseline | undefined): void {
    const usual = model === this ? 0 : model?.usualLength
    if (usual === undefined) return
    const relative = length / Math.exp(usual)
    this.#put(at.longer, relative)
    this.#put(at.shorter, relative)
  }

  #addNames(tools: Observation['tools'], network: string | null): boolean {
    const isElsewhere = network !== null && this.#networks?.add(network) === true
    let isNewTool = false
    for (const tool of tools) if (this.#tools?.add(tool) === true) isNewTool = true
    return isElsewhere || isNewTool
  }

  /** Tells whether too little was seen to judge. */
  isLearning(nowMs: number): boolean {
    return nowMs - this.firstMs < learningHours * 3_600_000 || this.requests < learningRequests
  }

  /** Everything that is unusual now. Nothing while learning. */
  judge(rates: Rates, pools: Pools, nowMs: number): Finding[] {
    this.isPending = false
    if (this.isLearning(nowMs)) return []
    const found: Finding[] = []
    for (const { name, kind } of channels) {
      const verdict = this.#charts[at[name]]?.judge(rates.chart)
      if (verdict !== undefined && verdict.score >= 1) found.push({ ...verdict, kind, channel: name })
    }
    const origin = this.#judgeOrigin(rates.names / 2, pools)
    if (origin !== undefined) found.push(origin)
    const tool = this.#judgeTools(rates.names / 2, pools)
    if (tool !== undefined) found.push(tool)
    return found
  }

  /** A new network and an unusual hour are two independent improbabilities, so they multiply. */
  #judgeOrigin(rate: number, pools: Pools): Finding | undefined {
    if (this.#networks === undefined || this.#hours === undefined) return undefined
    const network = this.#networks.surprise(pools.networks)
    const hour = this.#hours.nats(this.window * windowMs)
    const score = ((network?.nats ?? 0) + hour) / Math.log(1 / rate)
    if (score < 1) return undefined
    const at = `${new Date(this.window * windowMs).toISOString().slice(11, 16)} UTC`
    const isElsewhere = network !== undefined && network.nats >= hour
    return {
      kind: isElsewhere ? 'new-network' : 'hour',
      channel: undefined,
      score,
      sinceMs: this.window * windowMs,
      usual: `${this.#networks.size} networks, ${this.#hours.shown()}`,
      now: `${network === undefined ? 'a known network' : 'a network not seen before'}, at ${at}`,
    }
  }

  #judgeTools(rate: number, pools: Pools): Finding | undefined {
    const tool = this.#tools?.surprise(pools.tools)
    if (tool === undefined || this.#tools === undefined) return undefined
    const score = (tool.nats + Math.log(tool.uses)) / Math.log(1 / rate)
    if (score < 1) return undefined
    return {
      kind: 'new-tool',
      channel: undefined,
      score,
      sinceMs: this.window * windowMs,
      usual: `${this.#tools.size} tools`,
      now: `${tool.name}, called ${tool.uses} times in ten minutes`,
    }
  }

  /** Compares with the frozen reference, once a day. */
  drift(nowMs: number): Finding[] {
    if (nowMs - this.#driftMs < driftEveryMs || this.isLearning(nowMs)) return []
    this.#driftMs = nowMs
    return channels.flatMap(({ name, kind }) => {
      const verdict = this.#charts[at[name]]?.drift(nowMs)
      return verdict === undefined ? [] : [{ ...verdict, kind, channel: name }]
    })
  }

  /** Ends the open window and opens another one. @param isOpen whether an anomaly of these kinds is open, so that nothing of it is learnt */
  roll(window: number, pools: Pools, isOpen: (kind: AnomalyKind) => boolean): void {
    const nowMs = window * windowMs
    for (const { name, kind } of channels) this.#charts[at[name]]?.close({ nowMs, learns: !isOpen(kind) })
    this.#networks?.close(nowMs, nowMs - this.firstMs, pools.networks)
    this.#tools?.close(nowMs, nowMs - this.firstMs, pools.tools)
    this.#hours?.close(this.window * windowMs)
    this.profile?.close(!isOpen('answer-shape'))
    this.#scripts.close()
    this.window = window
    this.#recent = []
    this.#telling = this.#telling.slice(-maxIds / 2)
  }

  /** Lets a chart that has told something gather evidence anew. */
  settle(channel: ChannelName | undefined): void {
    if (channel !== undefined) this.#charts[at[channel]]?.settle()
  }

  /** Takes as usual what has been unusual for long: the charts of these kinds learn from the beginning. */
  adopt(group: (typeof groups)[AnomalyKind], nowMs: number): void {
    for (const { name, kind } of channels) if (groups[kind] === group) this.#charts[at[name]]?.adopt(nowMs)
  }

  /** Ids of requests that show what is unusual, if it can be told of single ones, or were made meanwhile. */
  evidence(): readonly string[] {
    return [...this.#telling, ...this.#recent].slice(0, maxIds)
  }

  /** As JSON. */
  save(): SavedSubject {
    const charts: Record<string, SavedChart> = {}
    for (const { name } of channels) {
      const chart = this.#charts[at[name]]
      if (chart !== undefined) charts[name] = chart.save()
    }
    return {
      subject: this.subject,
      firstMs: this.firstMs,
      requests: this.requests,
      window: this.window,
      isPending: this.isPending,
      driftMs: this.#driftMs,
      charts,
      scripts: this.#scripts.save(),
      models: [...this.models],
      ids: [this.#telling, this.#recent],
      ...(this.profile === undefined ? {} : { profile: this.profile.save() }),
      ...(this.#networks === undefined ? {} : { networks: this.#networks.save() }),
      ...(this.#tools === undefined ? {} : { tools: this.#tools.save() }),
      ...(this.#hours === undefined ? {} : { hours: this.#hours.save() }),
    }
  }

  #reopen({ requests, isPending, models, ids }: SavedSubject): void {
    this.isPending = isPending
    this.requests = requests
    for (const model of models) this.models.add(model)
    ;[this.#telling = [], this.#recent = []] = ids.map((each) => [...each])
  }
}

function keep(ids: string[], id: string): void {
  ids.push(id)
  if (ids.length > maxIds) ids.shift()
}

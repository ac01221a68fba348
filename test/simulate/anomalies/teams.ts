/**
 * Made-up teams. What each is like follows from its kind and a seed: size, days better and worse than others, holidays,
 * heavy tails, sessions, home offices, new tools. None of it was measured at a real team; it is meant to be unkind.
 */
import type { Observation } from '../../../src/anomalies/observation.ts'
import { Random } from './random.ts'

export const minuteMs = 60_000
export const dayMs = 86_400_000
/** A Monday. */
export const startMs = Date.UTC(2025, 0, 6)

export type TeamKind = 'office' | 'batch' | 'launch' | 'shifts' | 'builds'

/** What a request is like, before an attack changes it. */
export interface Style {
  readonly promptMedian: number
  readonly promptSpread: number
  readonly answerMedian: number
  readonly answerSpread: number
  readonly refused: number
  readonly refusing: number
  readonly findings: number
  readonly toolShare: number
  readonly otherScript: number
}

/** Trigram counts of answers, as of texts of one sort. */
export function gramsLike(random: Random, sort: number): number[][] {
  const base = Array.from({ length: 64 }, (_, at) => 1 / (1 + ((at * 37 + sort * 23) % 64)))
  return Array.from({ length: 150 }, () => {
    const topic = base.map((share) => share * random.lognormal(1, 0.35))
    const total = topic.reduce((sum, share) => sum + share, 0)
    const grams = new Array<number>(64).fill(0)
    for (let at = 0; at < 64; at++) grams[at] = random.poisson((256 * (topic[at] ?? 0)) / total)
    return grams
  })
}

/** One team with one key, and the model that it uses. */
export class Team {
  readonly key: string
  readonly kind: TeamKind
  readonly model: string
  #random: Random
  readonly #seed: number
  readonly #style: Style
  readonly #size: number
  readonly #grams: number[][]
  readonly #holidays: readonly number[]
  readonly #upgrades: readonly number[]
  readonly #networks: Since[] = []
  readonly #tools: Since[] = []
  #day = -1
  #daily = { volume: 1, prompt: 1, answer: 1, topic: 1 }
  #burst = 1
  #served = 0

  constructor(kind: TeamKind, seed: number) {
    this.kind = kind
    this.key = `${kind}-${seed}`
    this.model = `model-of-${kind}`
    const random = new Random(seed * 131 + kind.length * 7 + kind.charCodeAt(0))
    this.#random = random
    this.#seed = Math.floor(random.uniform() * 1e9)
    this.#size = random.lognormal(1, 0.5)
    this.#style = styleOf(kind, random)
    this.#grams = gramsLike(random, 1 + Math.floor(random.between(0, 5)))
    this.#holidays = Array.from({ length: 3 }, () => Math.floor(random.between(60, 360)))
    this.#upgrades = [Math.floor(random.between(70, 180)), Math.floor(random.between(190, 350))]
    const networks = kind === 'office' || kind === 'launch' ? Math.floor(random.between(2, 7)) : 1
    for (let at = 0; at < networks; at++) this.#networks.push({ name: `${this.key}/net${at}`, day: 0 })
    const tools = Math.floor(random.between(2, 8))
    for (let at = 0; at < tools; at++) this.#tools.push({ name: `tool${at}`, day: 0 })
    for (let day = 1; day < 400; day++) {
      if (random.chance(1 / 60)) this.#networks.push({ name: `${this.key}/new${day}`, day })
      if (random.chance(1 / 120)) this.#tools.push({ name: `tool-of-day-${day}`, day })
    }
  }

  /** The requests of one minute. */
  minute(nowMs: number): Observation[] {
    const day = Math.floor((nowMs - startMs) / dayMs)
    if (day !== this.#day) this.#begin(day)
    if (nowMs % 600_000 === 0) this.#burst = this.#random.lognormal(1, 0.6)
    const mean = this.#rate(day, nowMs) * this.#size * this.#daily.volume * this.#burst
    const seen: Observation[] = []
    for (let left = this.#random.poisson(mean); left > 0; left--) seen.push(this.request(nowMs))
    return seen
  }

  /** Requests a minute, of a team of usual size. */
  #rate(day: number, nowMs: number): number {
    const hour = ((nowMs / 3_600_000) % 24) + (day > 83 && day < 300 ? -1 : 0)
    const isWeekend = day % 7 >= 5
    const isAway = this.#holidays.some((first) => day >= first && day < first + 6)
    if (this.kind === 'batch') return hour >= 1 && hour < 4.5 ? 3 : 0.002
    if (this.kind === 'builds') return (isWeekend ? 0.05 : 0.4) * (hour > 7 && hour < 19 ? 2 : 0.5)
    if (this.kind === 'shifts') return (isWeekend ? 0.5 : 0.8) * (1.2 + Math.sin((hour / 24) * 2 * Math.PI))
    const grown = this.kind === 'launch' ? growth(day) : 1
    if (isWeekend || isAway) return 0.01 * grown
    if (hour < 7 || hour > 20) return 0.0005 * grown
    const lunch = hour > 12 && hour < 13 ? 0.4 : 1
    return 0.8 * grown * lunch * Math.exp(-(((hour - 13.5) / 4) ** 2))
  }

  #begin(day: number): void {
    this.#day = day
    // Every day has a seed of its own, so that one may begin anywhere.
    this.#random = new Random(this.#seed + day)
    const random = this.#random
    this.#daily = {
      volume: random.lognormal(1, 0.3),
      prompt: random.lognormal(1, 0.15),
      answer: random.lognormal(1, 0.12),
      topic: random.lognormal(1, 0.5),
    }
    this.#served = this.#upgrades.filter((at) => at <= day).length
  }

  /** One request as the team makes them. */
  request(nowMs: number): Observation {
    const random = this.#random
    const style = this.#style
    const refused = random.chance(style.refused * this.#daily.topic)
    const refusing = !refused && random.chance(style.refusing * this.#daily.topic)
    const prompt = random.chance(0.02)
      ? random.pareto(8000, 1.3)
      : random.lognormal(style.promptMedian * this.#daily.prompt, style.promptSpread)
    const upgraded = 1 + 0.25 * this.#served
    const length = refusing
      ? random.lognormal(200, 0.3)
      : random.lognormal(style.answerMedian * this.#daily.answer * upgraded, style.answerSpread)
    const answerLength = refused ? null : Math.min(40_000, Math.round(length))
    const promptLength = Math.min(400_000, Math.round(prompt))
    const network = among(this.#networks, this.#day, random.uniform() ** 2)
    return {
      atMs: nowMs,
      id: `${this.key}-${nowMs}-${Math.floor(random.uniform() * 1e6)}`,
      key: this.key,
      model: this.model,
      digest: `digest-${this.#served}`,
      outcome: refused ? 'prompt_blocked' : 'answered',
      inputTokens: Math.ceil(promptLength / 4),
      outputTokens: answerLength === null ? 0 : Math.ceil(answerLength / 4),
      promptLength,
      answerLength,
      findings: refused || random.chance(style.findings * this.#daily.topic) ? 1 : 0,
      tools: random.chance(style.toolShare) ? [among(this.#tools, this.#day, random.uniform())] : [],
      firstTokenMs: random.lognormal(400, 0.5) * (1 + promptLength / 20_000) * this.#daily.answer,
      network,
      answer: refused
        ? null
        : {
            refuses: refusing,
            script: random.chance(style.otherScript) ? random.pick(['de', 'fr', 'Cyrl']) : 'en',
            grams: this.#grams[Math.floor(random.uniform() * this.#grams.length)] ?? [],
          },
    }
  }
}

/** A name that is in use since a day. */
interface Since {
  readonly name: string
  readonly day: number
}

/** One of the names in use. @param place 0 is the first one, 1 the last */
function among(names: readonly Since[], today: number, place: number): string {
  const inUse = names.filter(({ day }) => day <= today)
  return inUse[Math.floor(inUse.length * place)]?.name ?? 'none'
}

/** A pilot, a launch in the fifth week, and growth of 2 % a week. */
function growth(day: number): number {
  return day < 30 ? 0.3 : 1.5 * 1.02 ** ((day - 30) / 7)
}

function styleOf(kind: TeamKind, random: Random): Style {
  const isMachine = kind === 'batch' || kind === 'builds'
  return {
    promptMedian: random.lognormal(isMachine ? 6000 : 800, 0.4),
    promptSpread: random.between(0.4, isMachine ? 0.7 : 1.2),
    answerMedian: random.lognormal(isMachine ? 700 : 1200, 0.4),
    answerSpread: random.between(0.4, 0.9),
    refused: isMachine ? 0.001 : random.between(0.002, 0.02),
    refusing: random.between(0.01, 0.04),
    findings: random.between(0.002, 0.05),
    toolShare: isMachine ? random.between(0, 0.5) : random.between(0, 0.3),
    otherScript: isMachine ? 0.001 : random.between(0.001, 0.1),
  }
}

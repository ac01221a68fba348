/** Plays a whole suite as every role, and says what became of each attack. */
import { closeFor } from './close.ts'
import { failure } from './conditions.ts'
import { isFine } from './judge.ts'
import { type Player, play, send } from './play.ts'
import { type AttackResult, type RoleResult, sumUp } from './result.ts'
import type { Stage } from './stage.ts'
import type { Subject } from './subject.ts'
import { type Attack, lastStep, type Suite } from './suite/attack.ts'
import { placeholdersIn } from './suite/template.ts'

/** An attack as one role. */
export interface Try {
  readonly attack: Attack
  readonly subject: Subject
}

/** A stage that is ready. */
export interface OpenStage {
  readonly stage: Stage
  /** Keys for a try, as placeholders. Without a try: for harmless requests of a role. */
  keysFor(subject: Subject, attack: Attack | undefined): Readonly<Record<string, string>>
  close(): Promise<void>
}

/** How a run is made. */
export interface RunOptions {
  readonly suite: Suite
  readonly subjects: readonly Subject[]
  /** Opens what is attacked. Attacks on limits are played where limits are in force, and all others where none is. */
  open(limits: boolean, tries: readonly Try[]): Promise<OpenStage>
  /** The gateway is one that people use: nothing is played that needs scripted model servers, or would disturb them. */
  readonly isLive?: boolean
  /** Told after each try. */
  onProgress?(done: number, all: number): void
}

/** Plays the suite. */
export async function runSuite({
  suite,
  subjects,
  open,
  isLive,
  onProgress,
}: RunOptions): Promise<readonly AttackResult[]> {
  const byAttack = new Map<Attack, RoleResult[]>(suite.attacks.map((attack) => [attack, []]))
  const tries: Try[] = []
  for (const attack of suite.attacks)
    for (const subject of attack.once ? usualOf(subjects) : subjects) {
      const why = (isLive ? whyNotLive(attack) : undefined) ?? whyNot(attack, subject)
      if (why === undefined) tries.push({ attack, subject })
      else byAttack.get(attack)?.push({ role: subject.role.name, verdict: 'skipped', note: why })
    }
  let done = 0
  for (const limits of [false, true]) {
    const those = tries.filter(({ attack }) => (attack.limit !== undefined) === limits).toSorted(modelsLast)
    if (those.length === 0) continue
    const opened = await open(limits, those)
    try {
      const controls = new Controls(suite, opened)
      for (const each of those) {
        byAttack.get(each.attack)?.push(await attempt(each, opened, controls))
        onProgress?.(++done, tries.length)
      }
    } finally {
      await opened.close()
    }
  }
  return Array.from(byAttack, ([attack, byRole]) => sumUp(attack, byRole))
}

/** Whom attacks are played as that do not depend on the role: somebody who may chat, if there is one. */
function usualOf(subjects: readonly Subject[]): readonly Subject[] {
  const usual = subjects.find(({ role, values }) => role.routes.has('chat') && values.has('model'))
  return usual ? [usual] : subjects.slice(0, 1)
}

/** Why an attack is not played against a gateway that people use. */
function whyNotLive(attack: Attack): string | undefined {
  const { limit, steps, success } = attack
  if (limit !== undefined) return 'floods are only played against a private copy'
  if (steps.some(({ answer, replacesModel }) => answer.isGiven || replacesModel))
    return 'needs a scripted model server'
  const { path } = lastStep(attack).request
  // A success says that a request was served, and not what was left of it.
  if (success.kind === 'arrives' && (path === '' || !success.texts.every((text) => text.endsWith(path))))
    return 'what arrives at a real model server cannot be seen'
  const needs = placeholdersIn(steps.map(({ request }) => request))
  if (steps.some(({ request }) => request.to === 'admin'))
    return 'the admin listener is only attacked in a private copy'
  return needs.some((name) => name === 'revokedKey' || name === 'expiredKey')
    ? 'needs keys that only a private copy has'
    : undefined
}

/** Nothing can be asked of a model any more once it was replaced. */
function modelsLast({ attack: a }: Try, { attack: b }: Try): number {
  const replaces = ({ steps }: Attack) => Number(steps.some(({ replacesModel }) => replacesModel))
  return replaces(a) - replaces(b)
}

/** Why an attack is not tried as a role, as far as the policy tells. */
function whyNot(attack: Attack, subject: Subject): string | undefined {
  const { policy, role } = subject
  for (const condition of attack.when) {
    const why = failure(condition, policy, role)
    if (why !== undefined) return why
  }
  return lackedBy(subject, [
    attack.steps.map(({ request, answer }) => [request, answer]),
    attack.success,
    attack.text,
  ])
}

/** Why a placeholder that is used has no value; undefined if all have. */
function lackedBy({ values, reasons }: Subject, used: unknown): string | undefined {
  const lacking = placeholdersIn(used).find((name) => !values.has(name) && reasons.has(name))
  return lacking === undefined ? undefined : reasons.get(lacking)
}

async function attempt(
  { attack, subject }: Try,
  { stage, keysFor }: OpenStage,
  controls: Controls,
): Promise<RoleResult> {
  const role = subject.role.name
  const refused = await controls.faultOf(attack, subject)
  if (refused !== undefined) return { role, verdict: 'skipped', note: refused }
  const outcome = await play(stage, attack, playerOf(subject, keysFor(subject, attack)))
  switch (outcome.verdict) {
    case 'through':
      return {
        role,
        verdict: isAdmitted(attack, subject) ? 'admitted' : 'through',
        note: '',
        close: closeFor(attack, subject.role),
      }
    case 'stopped':
      return { role, verdict: 'stopped', note: outcome.by }
    default:
      return { role, verdict: outcome.verdict, note: outcome.why }
  }
}

function isAdmitted({ admitted }: Attack, { policy, role }: Subject): boolean {
  return admitted?.when.every((condition) => failure(condition, policy, role) === undefined) ?? false
}

function playerOf({ values, role }: Subject, keys: Readonly<Record<string, string>>): Player {
  return {
    scope: new Map<string, string | number>([['count', 1], ...values, ...Object.entries(keys)]),
    personHeader: role.person?.header,
  }
}

/** Harmless requests: only where they pass does a refusal of a hostile one mean something. */
class Controls {
  readonly #suite: Suite
  readonly #opened: OpenStage
  readonly #faults = new Map<string, Promise<string | undefined>>()

  constructor(suite: Suite, opened: OpenStage) {
    this.#suite = suite
    this.#opened = opened
  }

  /** Why the path of an attack proves nothing as this role; undefined if it does, or has no control. */
  faultOf(attack: Attack, subject: Subject): Promise<string | undefined> {
    const { path, raw } = lastStep(attack).request
    const control = this.#suite.controls.get(path)
    if (raw !== undefined || control === undefined) return Promise.resolve(undefined)
    const id = `${subject.role.name} ${path}`
    const known = this.#faults.get(id) ?? this.#ask(control, subject)
    this.#faults.set(id, known)
    return known
  }

  async #ask(control: Parameters<typeof send>[1], subject: Subject): Promise<string | undefined> {
    const { stage, keysFor } = this.#opened
    stage.servers?.begin({ text: 'Fine, thank you.', calls: [], holds: false })
    const lacking = lackedBy(subject, control)
    if (lacking !== undefined) return lacking
    const received = await send(stage, control, playerOf(subject, keysFor(subject, undefined)))
    if (isFine(received)) return undefined
    const code = received.headers['x-torwart-code'] ?? `status ${received.status}`
    return `a harmless request on ${control.path} is refused, too: ${String(code)}`
  }
}

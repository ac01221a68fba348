/** Whom attacks are played as: a role of the policy, and the values that placeholders have for it. */
import { randomHex, randomText } from '../core/random.ts'
import { canonicalFor } from '../models/name.ts'
import { roleOutsideCanary } from '../policy/canary.ts'
import type { Policy, Role } from '../policy/policy.ts'
import type { ScopeName } from './scope-names.ts'
import { fittingArguments } from './tool-arguments.ts'

/** A role, and what placeholders stand for when it is attacked. */
export interface Subject {
  readonly policy: Policy
  readonly role: Role
  readonly values: ReadonlyMap<string, string | number>
  /** Why a placeholder has no value. */
  readonly reasons: ReadonlyMap<string, string>
}

const forbiddenModels = [
  'torwart-forbidden',
  'torwart-forbidden:1b',
  'attacker/torwart-forbidden:1b',
  'attacker.example/attacker/torwart-forbidden:1b',
]
const forbiddenTools = ['attack_delete_everything', 'attack delete everything']

/** Returns the names that scripted servers must have so that every role can be attacked. */
export function servedModels(policy: Policy): readonly string[] {
  const roles = [...policy.roles.values()]
  const names = [...roles.flatMap((role) => usableModels(policy, role)), ...forbiddenModels]
  return [...new Set([...names, ...policy.aliases.values(), ...guardModels(policy)])]
}

/** Returns the names of models that judge texts. */
export function guardModels(policy: Policy): ReadonlySet<string> {
  const guards = [policy.promptGuard, ...[...policy.roles.values()].map(({ promptGuard }) => promptGuard)]
  return new Set(guards.flatMap(({ model }) => model?.name ?? []))
}

/** Describes a role, for its keys outside a canary. @param toolRules its `tools.arguments`, as the policy writes them */
export function subjectOf(policy: Policy, given: Role, toolRules?: unknown): Subject {
  const role = roleOutsideCanary(given)
  const values = new Map<ScopeName, string | number>()
  const reasons = new Map<ScopeName, string>()
  const set = (name: ScopeName, value: string | number | undefined, reason: string) =>
    value === undefined ? reasons.set(name, reason) : values.set(name, value)
  const [model, otherModel] = usableModels(policy, role)
  set('model', model, 'the role may use no model')
  set('otherModel', otherModel, 'the role may use only one model')
  set('forbiddenModel', forbiddenModelOf(policy, role), 'the role may use every model')
  setTools(role, toolRules, set)
  setLimits(policy, role, set)
  for (const [name, value] of Object.entries(madeUp)) values.set(name as keyof typeof madeUp, value())
  const secret = String(values.get('secret'))
  values.set('encodedSecret', Buffer.from(`The access key is ${secret}.`).toString('base64'))
  const messages = [{ role: 'user', content: 'How are you today?' }]
  values.set('chatBody', JSON.stringify({ model: model ?? '', stream: false, messages }))
  return { policy, role, values, reasons }
}

type Set = (name: ScopeName, value: string | number | undefined, reason: string) => unknown

function setTools({ tools }: Role, rules: unknown, set: Set): void {
  const plain = (pattern: string) => pattern.replaceAll('*', 'attack')
  const free = (name: string) => tools?.asks(name).approval === false && !tools.asks(name).rules
  const allowed = tools ? tools.allow.map(plain).find(free) : 'attack_tool'
  set('allowedTool', allowed, 'the role may call no tool without conditions')
  set(
    'forbiddenTool',
    tools && forbiddenTools.find((name) => !tools.mayCall(name)),
    tools ? 'the role may call every tool' : 'the role has no `tools`, so it may call every tool',
  )
  const approved = tools?.approve.map(plain).flatMap((name) => {
    const fitting = fittingArguments(rules, name)
    const isAsked = (args: object) => tools.judge(name, JSON.stringify(args)).kind === 'approve'
    return isAsked(fitting) ? [{ name, fitting, isAsked }] : []
  })
  const [one] = approved ?? []
  const others = one && [{ ...one.fitting, note: 'attack' }, negated(one.fitting)].find(one.isAsked)
  const reason =
    tools && tools.approve.length > 0
      ? 'no arguments are known that the rules for tools with approval allow'
      : 'no tool of the role needs approval'
  set('approvedTool', one?.name, reason)
  set('approvedArguments', one && JSON.stringify(one.fitting), reason)
  set('otherArguments', one && JSON.stringify(others ?? { ...one.fitting, note: 'attack' }), reason)
}

/** The same arguments with other numbers. */
function negated(args: object): object {
  return Object.fromEntries(
    Object.entries(args).map(([name, value]) => [name, typeof value === 'number' ? value - 1 : value]),
  )
}

const capNames = [
  'bodyBytes',
  'outputTokens',
  'contextTokens',
  'images',
  'choices',
  'inputs',
  'stops',
  'tools',
  'schema',
] as const

/** What floods are measured against where the role has no such limit. */
const nominal = {
  requestsPerMinute: 200,
  probesPerMinute: 300,
  tokensPerMinute: 1_000_000_000,
  tokensPerDay: 1_000_000_000,
  concurrent: 40,
  actionsPerMinute: 300,
  same: 60,
} as const

function setLimits({ door }: Policy, { caps, limits }: Role, set: Set): void {
  for (const name of capNames) set(`caps.${name}`, caps[name], '')
  const { same, ...others } = nominal
  for (const name of Object.keys(others) as (keyof typeof others)[])
    set(`limits.${name}`, limits[name] ?? nominal[name], '')
  set('limits.same', limits.repetition?.same ?? same, '')
  set('limits.inFlight', (limits.concurrent ?? nominal.concurrent) + limits.waiting, '')
  set('door.failuresPerMinute', door.failuresPerMinute, '')
}

/** Made anew in each run, so that no scanner of repositories finds them here. */
const madeUp = {
  victim: () => 'torwart-attack-victim',
  host: () => 'collector.attacker.example',
  secret: () => `AKIA${randomBase32(16)}`,
  password: () => randomText(20),
  privateKey: () => Array.from({ length: 6 }, () => randomText(64)).join('\n'),
  dashes: () => 'KEY-----',
  card: () => {
    const digits = `411111${randomDigits(9)}`
    return digits + luhn(digits)
  },
  iban: () => ibanOf(randomDigits(18)),
  pixel: () =>
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  padding: () => 'x'.repeat(40_000),
  deepList: () => '['.repeat(2000) + ']'.repeat(2000),
} as const satisfies Partial<Record<ScopeName, () => string>>

function randomBase32(count: number): string {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
  const pairs = randomHex(count).match(/../g) ?? []
  return pairs.map((pair) => letters[Number.parseInt(pair, 16) % 32]).join('')
}

function randomDigits(count: number): string {
  return Array.from(randomHex(count), (digit) => Number.parseInt(digit, 16) % 10)
    .join('')
    .slice(0, count)
}

function luhn(digits: string): number {
  const sum = Array.from(digits).reduce((total, digit, at) => {
    const doubled = Number(digit) * (at % 2 === digits.length % 2 ? 1 : 2)
    return total + (doubled > 9 ? doubled - 9 : doubled)
  }, 0)
  return (10 - (sum % 10)) % 10
}

/** A German one (ISO 13616): the check digits make the number 1 modulo 97. */
function ibanOf(account: string): string {
  const check = 98n - (BigInt(`${account}131400`) % 97n)
  return `DE${String(check).padStart(2, '0')}${account}`
}

/** Names that a role may use, chat models first. */
function usableModels(policy: Policy, role: Role): readonly string[] {
  const names = role.models.flatMap((pattern) => [
    pattern.replaceAll('*', 'attack'),
    pattern.replaceAll('*', 'second'),
  ])
  const isEmbedding = (name: string) => Number(/embed|minilm|bge|whisper|tts/i.test(name))
  return [...new Set(names.filter((name) => mayUse(policy, role, name)))].toSorted(
    (a, b) => isEmbedding(a) - isEmbedding(b),
  )
}

function forbiddenModelOf(policy: Policy, role: Role): string | undefined {
  return forbiddenModels.find((name) => isModel(policy, name) && !mayUse(policy, role, name))
}

function isModel({ upstreams }: Policy, name: string): boolean {
  return upstreams.some(({ kind }) => canonicalFor(kind, name) !== undefined)
}

function mayUse({ upstreams }: Policy, role: Role, name: string): boolean {
  return upstreams.some(({ kind }) => {
    const canonical = canonicalFor(kind, name)
    return canonical !== undefined && role.mayUse(canonical, kind)
  })
}

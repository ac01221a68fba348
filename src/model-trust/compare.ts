/** What is different between two versions of a model, or between what is served and what is locked, in words. */
import { type Lock, type LockedModel, lockedAt } from './lock/lock.ts'
import { type ModelFacts, type Part, type PartKind, partKinds } from './parts.ts'
import type { Contents, ServedModel } from './served/served.ts'

/** What kind of difference there is. */
export type DifferenceKind =
  | 'digest'
  | 'weights'
  | 'template'
  | 'system'
  | 'parameters'
  | 'adapter'
  | 'tag'
  | 'missing'
  | 'unlocked'

/** A difference, in the form of `--json`. */
export interface Difference {
  readonly model: string
  readonly kind: DifferenceKind
  /** Digests; null: there is none. */
  readonly was: string | null
  readonly is: string | null
  readonly upstream: string
  /** One line for people, without the name of the model. */
  readonly what: string
}

/** One version of a model. */
export interface Version extends ModelFacts {
  readonly digest: string | undefined
  /** Undefined: not known. */
  readonly parts: readonly Part[] | undefined
}

type Found = Pick<Difference, 'kind' | 'was' | 'is' | 'what'>

/** The kind of difference that a change of each part is reported as. */
const kindsOfParts: Readonly<Record<PartKind, DifferenceKind>> = {
  weights: 'weights',
  adapter: 'adapter',
  projector: 'weights',
  draft: 'weights',
  template: 'template',
  system: 'system',
  parameters: 'parameters',
  messages: 'system',
  renderer: 'template',
  parser: 'template',
  license: 'digest',
  definition: 'digest',
  file: 'digest',
}

const namesOfParts: Partial<Record<PartKind, string>> = {
  system: 'system prompt',
  draft: 'draft model',
  license: 'licence',
  file: 'file',
}

/** Compares two versions, part by part. @param knownAs other names of the version that is there now */
export function compareVersions(
  was: Version,
  is: Version,
  knownAs: readonly string[] = [],
): readonly Found[] {
  const identity = identityChange(was, is)
  const moved = was.digest !== is.digest && (knownAs.length > 0 || identity !== undefined)
  const found: Found[] = []
  if (moved) {
    const other = knownAs.length > 0 ? `it is now ${knownAs.join(', ')}` : `it is now ${identity}`
    found.push({ ...digestsOf(was, is), kind: 'tag', what: `tag points elsewhere: ${other}` })
  }
  // All parts of another model differ, so listing them adds nothing.
  if (identity === undefined || !moved) found.push(...partDifferences(was, is))
  if (found.length === 0 && was.digest !== is.digest)
    found.push({ ...digestsOf(was, is), kind: 'digest', what: 'digest differs' })
  return found
}

function digestsOf(was: Version, is: Version): Pick<Found, 'was' | 'is'> {
  return { was: was.digest ?? null, is: is.digest ?? null }
}

/** Another family or number of parameters is another model, not another version. */
function identityChange(was: Version, is: Version): string | undefined {
  const differs = (['family', 'parameterSize'] as const).some(
    (fact) => was[fact] !== undefined && is[fact] !== undefined && was[fact] !== is[fact],
  )
  const about = [is.family, is.parameterSize].filter((fact) => fact !== undefined).join(' ')
  return differs ? `another model (${about})` : undefined
}

function partDifferences(was: Version, is: Version): readonly Found[] {
  if (was.parts === undefined || is.parts === undefined) return []
  const found = partKinds.flatMap((kind) => {
    const of = (parts: readonly Part[] = []) => parts.filter((part) => part.kind === kind)
    return changesOf(kind, of(was.parts), of(is.parts), quantisationChange(was, is))
  })
  // LocalAI's definition holds template, system prompt and parameters, of which more is told.
  const others = found.filter(({ part }) => part !== 'definition')
  return (others.length > 0 ? others : found).map(({ part: _part, ...rest }) => rest)
}

function quantisationChange(was: Version, is: Version): string {
  const [before, now] = [was.quantisation, is.quantisation]
  return before === undefined || now === undefined || before === now ? '' : ` (${before} became ${now})`
}

function changesOf(
  kind: PartKind,
  was: readonly Part[],
  is: readonly Part[],
  quantisation: string,
): readonly (Found & { readonly part: PartKind })[] {
  const name = namesOfParts[kind] ?? kind
  const count = Math.max(was.length, is.length)
  return Array.from({ length: count }, (_, index) => [was[index], is[index]] as const).flatMap(
    ([before, now], index) => {
      if (before?.sha256 === now?.sha256) return []
      const change = before === undefined ? 'added' : now === undefined ? 'removed' : undefined
      const layer = count > 1 ? `${name}: ${placeOf(before, now, index, count)}` : name
      const verb = change ?? (kind === 'weights' && count > 1 ? 'differs' : 'changed')
      const what = `${layer} ${verb}${kind === 'weights' ? quantisation : ''}`
      const digests = { was: before?.sha256 ?? null, is: now?.sha256 ?? null }
      return [{ ...digests, kind: kindsOfParts[kind], what, part: kind }]
    },
  )
}

function placeOf(before: Part | undefined, now: Part | undefined, index: number, count: number): string {
  const path = now?.path ?? before?.path
  return path === undefined ? `layer ${index + 1} of ${count}` : JSON.stringify(path)
}

/** A model as it is served, with what it consists of if that is known. */
export interface Served {
  readonly model: ServedModel
  readonly contents: Contents | undefined
}

/** Compares what is served with the lock. @param asked undefined: whatever the lock or a server has */
export function compareWithLock(
  lock: Lock,
  served: readonly Served[],
  asked?: ReadonlySet<string>,
): readonly Difference[] {
  const isAsked = (name: string) => asked === undefined || asked.has(name)
  const present = served.filter(({ model }) => isAsked(model.name))
  const differences = present.flatMap((each) => differencesOf(each, lock, served))
  const missing = lock.models
    .filter(({ name, kind }) => isAsked(name) && !isServed(served, name, kind))
    .map(
      ({ name, digest, upstream }): Difference => ({
        ...{ model: name, kind: 'missing', was: digest, is: null, upstream },
        what: 'missing: no model server has it',
      }),
    )
  return [...differences, ...missing]
}

function isServed(served: readonly Served[], name: string, kind: LockedModel['kind']): boolean {
  return served.some(({ model }) => model.name === name && model.kind === kind)
}

function differencesOf(
  { model, contents }: Served,
  lock: Lock,
  all: readonly Served[],
): readonly Difference[] {
  const { name, upstream, digest = null } = model
  const of = (found: Found): Difference => ({ model: name, upstream, ...found })
  const locked = lockedAt(lock, model)
  if (model.remote)
    return locked === undefined
      ? []
      : [of({ kind: 'tag', was: locked.digest, is: null, what: 'tag points to a model on another host' })]
  if (locked === undefined) return [of({ kind: 'unlocked', was: null, is: digest, what: 'not in the lock' })]
  const is = { ...model, ...contents, digest: model.digest, parts: contents?.parts }
  const found = compareVersions(locked, is, otherNames(model, lock, all)).map(of)
  if (model.loaded === undefined || model.loaded === locked.digest) return found
  const what = 'another version is loaded: it is unloaded with `ollama stop`'
  return [
    ...found,
    ...(model.loaded === digest ? [] : [of({ kind: 'digest', was: locked.digest, is: model.loaded, what })]),
  ]
}

/** Names under which the same digest is locked or served besides. */
function otherNames({ name, digest }: ServedModel, lock: Lock, all: readonly Served[]): readonly string[] {
  if (digest === undefined) return []
  const models = [...lock.models, ...all.map(({ model }) => model)]
  return [
    ...new Set(
      models.filter((each) => each.digest === digest && each.name !== name).map((each) => each.name),
    ),
  ]
}

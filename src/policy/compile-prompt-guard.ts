/** `guards.prompt`: thresholds, the operator's own packs, and what of the shipped ones he switched off or weighs anew. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseDuration } from '../core/units.ts'
import type { Signature } from '../detect/injection/signature.ts'
import { withoutExamples } from '../detect/scan-settings.ts'
import { canonicalFor } from '../models/name.ts'
import { modelFault } from './model-fault.ts'
import { readPack, shippedIds } from './packs.ts'
import type { GuardModel, PromptGuard, Upstream } from './policy.ts'
import { didYouMean, type Problem } from './problem.ts'
import type { Config } from './schema/schema.ts'
import type { Report } from './source.ts'

/** A compiled prompt guard, with what its packs brought to light. */
export interface CompiledPromptGuard {
  readonly guard: PromptGuard
  /** What is wrong in the packs themselves. */
  readonly problems: readonly Problem[]
  /** Of all packs: a change of one is a change of the policy. */
  readonly texts: readonly string[]
}

/** Compiles `guards.prompt`: reads the packs and resolves the guard model. Reports what does not exist. */
export function compilePromptGuard(
  config: Config['guards']['prompt'],
  folder: string,
  upstreams: readonly Upstream[],
  report: Report,
): CompiledPromptGuard {
  const { mode, block, flag, datamark, packs, disable, severities } = config
  const problems: Problem[] = []
  const texts: string[] = []
  const own: Signature[] = []
  const packSources: unknown[] = []
  const packFiles = packs.map((path) => resolve(folder, path))
  const ids = new Set(packs.length + disable.length + Object.keys(severities).length > 0 ? shippedIds() : [])
  for (const [index, file] of packFiles.entries()) {
    const text = textOf(file)
    if (text === undefined) {
      report(['guards', 'prompt', 'packs', index], `cannot be read: ${packs[index]}`)
      continue
    }
    texts.push(text)
    const pack = readPack(file, text, ids)
    problems.push(...pack.problems)
    own.push(...pack.signatures)
    packSources.push(withoutExamples(pack.source))
    for (const { id } of pack.signatures) ids.add(id)
  }
  const unknown = (id: string) => `names an unknown signature: ${id}${didYouMean(id, [...ids])}`
  for (const [index, id] of disable.entries())
    if (!ids.has(id)) report(['guards', 'prompt', 'disable', index], unknown(id))
  for (const id of Object.keys(severities))
    if (!ids.has(id)) report(['guards', 'prompt', 'severities', id], unknown(id))
  const model = config.model && compileGuardModel(config.model, upstreams, report)
  const guard = { mode, block, flag, datamark, own, disable, severities, packFiles, packSources, model }
  return { guard, problems, texts }
}

function compileGuardModel(
  { upstream: wanted, name, prompt, when, timeout }: NonNullable<Config['guards']['prompt']['model']>,
  upstreams: readonly Upstream[],
  report: Report,
): GuardModel | undefined {
  const path = ['guards', 'prompt', 'model']
  const timeoutMs = parseDuration(timeout) ?? 0
  if (prompt !== undefined && prompt.split('{text}').length !== 2)
    report([...path, 'prompt'], 'must contain `{text}` exactly once')
  const names = upstreams.map((each) => each.name)
  const upstream = upstreams.find((each) => each.name === wanted)
  if (!upstream) {
    report([...path, 'upstream'], `names an unknown upstream: ${wanted}${didYouMean(wanted, names)}`)
    return undefined
  }
  const canonical = canonicalFor(upstream.kind, name)
  if (canonical !== undefined) return { upstream, name: canonical, prompt, when, timeoutMs }
  report([...path, 'name'], modelFault(name))
  return undefined
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}

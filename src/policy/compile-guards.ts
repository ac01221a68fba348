/** From the guards of a config to what the stages ask. */
import type { SensitiveFinder } from '../detect/sensitive/finder.ts'
import { compilePersonalData } from './compile-personal-data.ts'
import { compilePromptGuard } from './compile-prompt-guard.ts'
import type { OutputGuard, PersonalData, PromptGuard, Upstream } from './policy.ts'
import type { Problem } from './problem.ts'
import type { Config } from './schema/schema.ts'
import type { Report } from './source.ts'

/** The guards of all requests, or of one role. */
export interface Guards {
  readonly promptGuard: PromptGuard
  readonly outputGuard: OutputGuard
}

/** All guards of a policy. */
export interface CompiledGuards extends Guards {
  /** Of roles that have some of their own. */
  readonly byRole: ReadonlyMap<string, Guards>
  readonly personalData: PersonalData
  /** What is wrong in packs and in the file with names. */
  readonly problems: readonly Problem[]
  /** Of all of these files: a change of one is a change of the policy. */
  readonly texts: readonly string[]
}

/** Of all requests, and of those of single roles: merged here, once. */
export function compileGuards(
  { guards, roles }: Config,
  folder: string,
  upstreams: readonly Upstream[],
  report: Report,
): CompiledGuards {
  const { guard: promptGuard, ...prompt } = compilePromptGuard(guards.prompt, folder, upstreams, report)
  const { personalData, ...names } = compilePersonalData(guards.pii, folder, report)
  const { finder } = personalData
  const outputGuard = compileOutputGuard(guards.output, finder)
  const problems = [...prompt.problems, ...names.problems]
  const files = [...prompt.texts, ...names.texts]
  const byRole = new Map<string, Guards>()
  for (const [name, { guards: own }] of Object.entries(roles)) {
    if (!own) continue
    const reportHere: Report = (path, message) => report(['roles', name, ...path], message)
    const compiled =
      own.prompt && compilePromptGuard(merged(guards.prompt, own.prompt), folder, upstreams, reportHere)
    if (compiled && own.prompt?.packs) {
      problems.push(...compiled.problems)
      files.push(...compiled.texts)
    }
    byRole.set(name, {
      promptGuard: compiled?.guard ?? promptGuard,
      outputGuard: own.output ? compileOutputGuard(merged(guards.output, own.output), finder) : outputGuard,
    })
  }
  return { promptGuard, outputGuard, byRole, personalData, problems, texts: files }
}

/** Puts what a role has of its own over what all have. Lists are replaced, sections merged: a role that allows one host does not switch the guard for links off. */
export function merged<T extends object>(common: T, own: object): T {
  const entries = Object.entries(own).map(([key, value]) => {
    const before = common[key as keyof T]
    return [key, isSection(value) && isSection(before) ? merged(before, value) : value]
  })
  return { ...common, ...Object.fromEntries(entries) }
}

function isSection(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** @param finder of what counts as secret and personal; absent: what is shipped */
export function compileOutputGuard(
  config: Config['guards']['output'],
  finder?: SensitiveFinder,
): OutputGuard {
  const { mode, secrets, pii, toolArguments, links, controls, injection, scripts, theft, schema, canary } =
    config
  const cutting = { secrets, pii, controls, links: links.otherwise }
  return {
    mode,
    actions: { ...cutting, injection, scripts, theft, schema, canary: canary ? 'block' : 'off' },
    sought: {
      secrets: secrets !== 'off',
      pii: pii !== 'off',
      controls: controls !== 'off',
      links: links.otherwise === 'off' ? undefined : links.allow,
      ...(finder && { finder }),
    },
    toolArguments,
    alters: [...Object.values(cutting), toolArguments].some(
      (action) => action === 'redact' || action === 'block',
    ),
  }
}

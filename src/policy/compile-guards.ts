/** From the guards of a config to what the stages ask. */
import { compilePromptGuard } from './compile-prompt-guard.ts'
import type { OutputGuard, PromptGuard, Upstream } from './policy.ts'
import type { Problem } from './problem.ts'
import type { Config } from './schema/schema.ts'
import type { Report } from './source.ts'

export interface Guards {
  readonly promptGuard: PromptGuard
  readonly outputGuard: OutputGuard
}

export interface CompiledGuards extends Guards {
  /** Of roles that have some of their own. */
  readonly byRole: ReadonlyMap<string, Guards>
  /** What is wrong in packs. */
  readonly problems: readonly Problem[]
  /** Of all packs: a change of one is a change of the policy. */
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
  const outputGuard = compileOutputGuard(guards.output)
  const problems = [...prompt.problems]
  const packs = [...prompt.texts]
  const byRole = new Map<string, Guards>()
  for (const [name, { guards: own }] of Object.entries(roles)) {
    if (!own) continue
    const reportHere: Report = (path, message) => report(['roles', name, ...path], message)
    const compiled =
      own.prompt && compilePromptGuard(merged(guards.prompt, own.prompt), folder, upstreams, reportHere)
    if (compiled && own.prompt?.packs) {
      problems.push(...compiled.problems)
      packs.push(...compiled.texts)
    }
    byRole.set(name, {
      promptGuard: compiled?.guard ?? promptGuard,
      outputGuard: own.output ? compileOutputGuard(merged(guards.output, own.output)) : outputGuard,
    })
  }
  return { promptGuard, outputGuard, byRole, problems, texts: packs }
}

/** Lists are replaced, sections merged: a role that allows one host does not switch the guard for links off. */
function merged<T extends object>(common: T, own: object): T {
  const entries = Object.entries(own).map(([key, value]) => {
    const before = common[key as keyof T]
    return [key, isSection(value) && isSection(before) ? merged(before, value) : value]
  })
  return { ...common, ...Object.fromEntries(entries) }
}

function isSection(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function compileOutputGuard(config: Config['guards']['output']): OutputGuard {
  const { mode, secrets, pii, toolArguments, links, controls, injection, scripts, theft, canary } = config
  const cutting = { secrets, pii, controls, links: links.otherwise }
  return {
    mode,
    actions: { ...cutting, injection, scripts, theft, canary: canary ? 'block' : 'off' },
    sought: {
      secrets: secrets !== 'off',
      pii: pii !== 'off',
      controls: controls !== 'off',
      links: links.otherwise === 'off' ? undefined : links.allow,
    },
    toolArguments,
    alters: [...Object.values(cutting), toolArguments].some(
      (action) => action === 'redact' || action === 'block',
    ),
  }
}

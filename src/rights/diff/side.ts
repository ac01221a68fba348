/** One of two policies that are compared: its config with everything that is inherited written out. */
import { merged } from '../../policy/compile-guards.ts'
import type { LoadedPolicy } from '../../policy/load.ts'
import type { Config, RoleConfig } from '../../policy/schema/schema.ts'
import type { Path } from '../../policy/source.ts'

/** A policy as it is compared. */
export interface Side {
  /** With the guards that each role really has. */
  readonly config: Config
  /** Whether what stands there may be shown: nothing of it comes from a variable or a file. */
  mayShow(path: Path): boolean
}

/** Resolves what roles inherit. */
export function sideOf({ config, source }: Pick<LoadedPolicy, 'config' | 'source'>): Side {
  const roles = Object.entries(config.roles).map(
    ([name, role]) => [name, resolvedRole(role, config)] as const,
  )
  return {
    config: { ...config, roles: Object.fromEntries(roles) },
    mayShow: (path) => source.isLiteral(path),
  }
}

/** Writes out what a role inherits. */
export function resolvedRole(role: RoleConfig, { guards, audit }: Config): RoleConfig {
  const { prompt, output } = role.guards ?? {}
  return {
    ...role,
    guards: {
      prompt: merged(guards.prompt, prompt ?? {}),
      output: merged(guards.output, output ?? {}),
    },
    separate: role.separate ?? prompt?.separate ?? guards.prompt.separate,
    audit: { content: role.audit.content ?? audit.content },
  }
}

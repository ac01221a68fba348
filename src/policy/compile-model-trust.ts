/** What proves a model, from the keys of `models`. */
import { resolve } from 'node:path'
import type { ServerKind } from '../core/servers.ts'
import { parseDuration } from '../core/units.ts'
import type { ModelTrust } from './policy.ts'
import type { Config } from './schema/schema.ts'
import type { Path, Report } from './source.ts'

/** Compiles `models.lock` and what belongs to it. @param folder of the policy file */
export function compileModelTrust(config: Config['models'], folder: string, report: Report): ModelTrust {
  const { lock, require, onDrift, suite, signing, tools } = config
  if (require.includes('suite') && suite === undefined)
    report(['models', 'require'], 'has `suite`, so `models.suite` must name one')
  return {
    lockFile: resolve(folder, lock),
    require: new Set(require),
    onDrift,
    suite: suite && { name: suite.name, maxAgeMs: parseDuration(suite.maxAge) ?? 0 },
    signingFile: resolve(folder, signing),
    tools,
  }
}

/** Kinds of server that name the version of a model they serve. */
const tellsDigest: Readonly<Record<ServerKind, boolean>> = { ollama: true, localai: false, openai: false }

/** Finds what is asked of models and cannot be had. */
export function modelTrustDoubts({ models, upstreams }: Config): { path: Path; message: string }[] {
  const { require } = models
  const doubts: { path: Path; message: string }[] = []
  const path = ['models', 'require']
  if (require.length > 0)
    for (const { name, kind } of upstreams.filter((each) => !tellsDigest[each.kind]))
      doubts.push({
        path,
        message: `\`${name}\` is of the kind \`${kind}\`, which does not tell which version of a model it serves, so none of its models can prove its \`digest\``,
      })
  return doubts
}

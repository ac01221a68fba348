/** What a policy may say and its author has seldom meant; told as warnings. */
import type { Config } from './schema/schema.ts'
import type { Path } from './source.ts'

const shortestToken = 16

export function doubtful(config: Config): { path: Path; message: string }[] {
  const found: { path: Path; message: string }[] = []
  if ((config.admin.token?.length ?? shortestToken) < shortestToken)
    found.push({
      path: ['admin', 'token'],
      message: `the admin token has fewer than ${shortestToken} characters: it can be guessed`,
    })
  for (const [name, { limits, caps }] of Object.entries(config.roles))
    for (const limit of ['tokensPerMinute', 'tokensPerDay'] as const) {
      const most = limits[limit]
      if (most === undefined || most > caps.outputTokens) continue
      const message = `a request that does not ask for less may answer ${caps.outputTokens} tokens (\`caps.outputTokens\`), which never fits into \`${limit}\`: ${most}`
      found.push({ path: ['roles', name, 'limits', limit], message })
    }
  return found
}

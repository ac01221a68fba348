/** `torwart explain`: names the rule that allows or refuses a request. */

import { freezesFile, readFreezes } from '../kill-switch/file.ts'
import { frozenBy } from '../kill-switch/kill-switch.ts'
import { limitsInWords, explain as reasonsFor } from '../pipeline/explain.ts'
import { loadPolicy } from '../policy/load.ts'
import { type Command, configOption, type ExitCode, jsonOption, textOf } from './command.ts'
import { principalOf } from './shared/principal.ts'
import { readAll } from './shared/text-input.ts'

/** The command `torwart explain`. */
export const explain: Command = {
  options: [
    configOption,
    {
      flags: '--key <id>',
      description:
        'caller: a key id, or a certificate such as dns:build.example.org; - reads a key or token from stdin',
      required: true,
    },
    { flags: '--route <route>', description: 'route group, or a path such as /api/chat' },
    { flags: '--model <model>', description: 'model, as a client would name it' },
    { flags: '--tool <tool>', description: 'tool that the model would call' },
    jsonOption,
  ],
  async run(values, io): Promise<ExitCode> {
    const now = Date.now()
    const { policy } = loadPolicy(textOf(values, 'config'), io.variables)
    const given = textOf(values, 'key')
    const principal = await principalOf(given === '-' ? (await readAll(io.input)).trim() : given, policy, now)
    const { role, roleName } = principal
    const question = {
      whose: principal.whose,
      route: textOf(values, 'route') || undefined,
      model: textOf(values, 'model') || undefined,
      tool: textOf(values, 'tool') || undefined,
    }
    const isValid = principal.isValid && role !== undefined
    const ofRole =
      roleName === undefined
        ? ''
        : `; its role \`${roleName}\` ${role ? 'is in the policy' : 'does not exist'}`
    const first = {
      allowed: isValid,
      words: `${principal.about}${ofRole}${isValid ? '' : ': refused with 401 invalid_credentials'}.`,
    }
    const orders = frozenBy(readFreezes(freezesFile(policy.audit.file)), now)
    const reasons = [first, ...(isValid ? reasonsFor(role, principal.holder, question, policy, orders) : [])]
    const limits = role ? limitsInWords(role.limits) : []
    const verdict = reasons.every((reason) => reason.allowed)
    if (values.json) io.out(`${JSON.stringify({ allowed: verdict, reasons, limits })}\n`)
    else {
      for (const { words } of reasons) io.out(`${words}\n`)
      if (principal.networks.length > 0) io.out(`Only from ${principal.networks.join(', ')}.\n`)
      io.out(`Limits: ${limits.join(', ') || 'none'}.\n`)
    }
    return verdict ? 0 : 1
  },
}

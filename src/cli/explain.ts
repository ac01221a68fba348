/** `torwart explain`: names the rule that allows or refuses a request. */

import { KeyProblem } from '../auth/api-keys/key-changes.ts'
import { freezesFile, readFreezes } from '../kill-switch/file.ts'
import { frozenBy } from '../kill-switch/kill-switch.ts'
import { loadPolicy } from '../policy/load.ts'
import { type Explanation, explanationOf } from '../rights/explanation.ts'
import { quarantineByLock } from '../rights/quarantine.ts'
import { type Command, configOption, type ExitCode, jsonOption, textOf, UsageError } from './command.ts'
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
    { flags: '--person <id>', description: 'person behind the key that the request would name' },
    jsonOption,
  ],
  async run(values, io): Promise<ExitCode> {
    const now = Date.now()
    const { policy } = loadPolicy(textOf(values, 'config'), io.variables)
    const given = textOf(values, 'key')
    const question = {
      key: given === '-' ? (await readAll(io.input)).trim() : given,
      route: textOf(values, 'route') || undefined,
      model: textOf(values, 'model') || undefined,
      tool: textOf(values, 'tool') || undefined,
      person: textOf(values, 'person') || undefined,
    }
    const freezes = frozenBy(readFreezes(freezesFile(policy.audit.file)), now)
    const obstacles = { freezes, quarantine: quarantineByLock(policy) }
    const explanation = await explanationOf(question, policy, obstacles, now).catch((error: unknown) => {
      throw error instanceof KeyProblem ? new UsageError(error.message) : error
    })
    io.out(values.json ? `${JSON.stringify(explanation)}\n` : inWords(explanation))
    return explanation.allowed ? 0 : 1
  },
}

function inWords({ reasons, networks, limits }: Explanation): string {
  const from = networks.length > 0 ? [`Only from ${networks.join(', ')}.`] : []
  const lines = [...reasons.map(({ words }) => words), ...from, `Limits: ${limits.join(', ') || 'none'}.`]
  return `${lines.join('\n')}\n`
}

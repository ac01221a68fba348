/** `torwart explain`: which rule allows or refuses what a key would ask for. */

import { frozenBy } from '../freezes/board.ts'
import { freezesFile, readFreezes } from '../freezes/file.ts'
import { keyView } from '../identity/key-view.ts'
import { readUses, usesFile } from '../identity/uses.ts'
import { loadPolicy } from '../policy/load.ts'
import { limitsInWords, explain as reasonsFor } from '../stages/explain.ts'
import { type Command, configOption, type ExitCode, jsonOption, textOf } from './command.ts'
import { findKey, readKeys } from './keys.ts'

export const explain: Command = {
  name: 'explain',
  summary: 'say why a request of a key would be allowed or refused',
  options: [
    configOption,
    { flags: '--key <id>', description: 'whose request', required: true },
    { flags: '--route <route>', description: 'a group of routes, or a path such as /api/chat' },
    { flags: '--model <model>', description: 'as a client would write it' },
    { flags: '--tool <tool>', description: 'a tool that the model would call' },
    jsonOption,
  ],
  run(values, io): ExitCode {
    const now = Date.now()
    const { policy } = loadPolicy(textOf(values, 'config'), io.variables)
    const entry = findKey(readKeys(values, io), textOf(values, 'key'))
    const key = keyView(entry, readUses(usesFile(policy.keysFile)), now)
    const role = policy.roles.get(key.role)
    const question = {
      route: textOf(values, 'route') || undefined,
      model: textOf(values, 'model') || undefined,
      tool: textOf(values, 'tool') || undefined,
    }
    const isGood = key.status === 'active' && role !== undefined
    const about = `Key ${key.id} (${key.name}) is ${key.status}${key.expires ? `, until ${key.expires}` : ''}`
    const first = {
      allowed: isGood,
      words: `${about}; its role \`${key.role}\` ${role ? 'is in the policy' : 'does not exist'}${isGood ? '' : ': refused with 401 invalid_credentials'}.`,
    }
    const orders = frozenBy(readFreezes(freezesFile(policy.audit.file)), now)
    const reasons = [first, ...(isGood ? reasonsFor(role, key.id, question, policy, orders) : [])]
    const limits = role ? limitsInWords(role.limits) : []
    const verdict = reasons.every((reason) => reason.allowed)
    if (values.json) io.out(`${JSON.stringify({ allowed: verdict, reasons, limits })}\n`)
    else {
      for (const { words } of reasons) io.out(`${words}\n`)
      if (key.networks.length > 0) io.out(`Only from ${key.networks.join(', ')}.\n`)
      io.out(`Limits of the key: ${limits.join(', ') || 'none'}.\n`)
    }
    return verdict ? 0 : 1
  },
}

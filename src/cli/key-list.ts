/** `torwart key list`: lists all keys, or those that were not used for a while. */
import { isUnused } from '../auth/api-keys/key-view.ts'
import { table } from '../core/table.ts'
import { hasSharedKeys } from '../policy/locate.ts'
import { type Command, configOption, jsonOption, textOf } from './command.ts'
import { durationOption, viewKeys } from './shared/keys.ts'

/** The command `torwart key list`. */
export const keyList: Command = {
  options: [
    configOption,
    {
      flags: '--unused <duration>',
      description: 'only active keys that were not used for this long, such as 90d',
    },
    jsonOption,
  ],
  run(values, io) {
    const now = Date.now()
    const unusedMs = durationOption(values, 'unused')
    const views = viewKeys(values, io, now).filter(
      (view) => unusedMs === undefined || isUnused(view, unusedMs, now),
    )
    if (unusedMs !== undefined && hasSharedKeys(textOf(values, 'config'), io.variables))
      io.err('Each gateway counts uses for itself. Check the other gateways, too.\n')
    if (values.json) io.out(`${JSON.stringify(views)}\n`)
    else
      io.out(
        table(
          ['id', 'name', 'role', 'created', 'expires', 'last used', 'uses', 'from', 'status'],
          views.map((view) => ({
            ...view,
            'last used': view.lastUsed,
            uses: String(view.uses),
            from: view.networks.join(' ') || null,
            status: view.oldSecretUntil
              ? `${view.status}, its old secret too until ${view.oldSecretUntil}`
              : view.status,
          })),
        ),
      )
    return 0
  },
}

/** What the console knows of the gateway that it belongs to. */
import { Console } from '../http/admin/console/console.ts'
import { builtPages } from '../http/admin/console/pages.ts'
import type { Foundation } from './foundation.ts'
import type { Services } from './services.ts'

/** Opens the console; its owner closes it. */
export function openConsole(
  { atStart, policy, snapshots, clock, recordEvent }: Foundation,
  { freezes, lookAgain }: Services,
): Console {
  return new Console({
    ...{ clock, recordEvent, freezes },
    token: () => atStart.admin.token,
    reloadFiles: lookAgain,
    current: () => snapshots.current,
    door: () => policy().door,
    pages: builtPages,
  })
}

/** What the commands that print reports share: language, what a report says about itself, the data files. */
import { type Framework, type FrameworkId, readFramework } from '../../coverage/framework.ts'
import type { About } from '../../coverage/present.ts'
import { type Language, languages } from '../../coverage/words.ts'
import { type Io, type Option, textOf, UsageError, type Values } from '../command.ts'

const folder = new URL('../../../config/frameworks/', import.meta.url)

/** The option that chooses the language. */
export const langOption: Option = { flags: '--lang <language>', description: 'en or de', standard: 'en' }

/** Reads the option. @throws UsageError */
export function chosenLanguage(values: Values): Language {
  const given = textOf(values, 'lang')
  const found = languages.find((each) => each === given)
  if (found === undefined) throw new UsageError('--lang must be en or de.')
  return found
}

/** Reads the frameworks that ship. */
export function shippedFrameworks(ids: readonly FrameworkId[]): readonly Framework[] {
  return ids.map((id) => readFramework(folder, id))
}

/** Says what a report is about, and when it was made. */
export function aboutOf(policyFile: string, { version, node }: Io): About {
  const runtime = node === undefined ? '' : `, Node ${node.version}`
  return { policyFile, program: `Torwart ${version}${runtime}`, made: new Date().toISOString() }
}

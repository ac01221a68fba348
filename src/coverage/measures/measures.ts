/** All measures, by the names that the data files of frameworks use. */
import type { Measure } from '../measure.ts'
import * as access from './access.ts'
import * as answers from './answers.ts'
import * as limits from './limits.ts'
import * as models from './models.ts'
import * as prompts from './prompts.ts'
import * as records from './records.ts'
import * as tools from './tools.ts'
import * as watch from './watch.ts'

/** All measures. */
export const measures = {
  ...prompts,
  ...answers,
  ...tools,
  ...models,
  ...limits,
  ...access,
  ...records,
  ...watch,
} as const satisfies Readonly<Record<string, Measure>>

/** The name of a measure. */
export type MeasureId = keyof typeof measures

/** Whether there is a measure of this name. */
export function isMeasureId(name: unknown): name is MeasureId {
  return typeof name === 'string' && Object.hasOwn(measures, name)
}

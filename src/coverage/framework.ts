/** The data files in `config/frameworks/`: what each control asks, and which measures it needs. */
import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { type FieldChecks, isText, optional, wrongField } from '../core/fields.ts'
import { isMeasureId, type MeasureId } from './measures/measures.ts'
import type { Words } from './words.ts'

/** The ids of all frameworks; each is a file `ID.yaml`. */
export const frameworkIds = [
  'owasp-llm-2025',
  'owasp-llm-2023',
  'owasp-agentic-2026',
  'eu-ai-act',
  'gdpr',
  'soc2',
  'nis2',
  'cra',
  'iso-42001',
  'nist-ai-rmf',
] as const
/** One of `frameworkIds`. */
export type FrameworkId = (typeof frameworkIds)[number]

/** What id and title were compared with: the published text, a copy that others made, or nothing. */
export type Checked = 'published' | 'copy' | 'no'

/** From when something applies, and to whom. */
export interface Application {
  /** A date, such as `2027-12-02`. */
  readonly from: string
  readonly to: Words
}

/** One control of a framework. */
export interface Control {
  readonly id: string
  readonly title: string
  /** The official German title, if there is one. */
  readonly titleDe?: string
  readonly asks: Words
  /** Measures without which it is not met. */
  readonly needs?: readonly MeasureId[]
  /** Measures without which it is met in part only. */
  readonly also?: readonly MeasureId[]
  /** Why settings alone meet it in part only; absent: they can meet it wholly. */
  readonly limit?: Words
  /** What remains the organisation's own. */
  readonly yours?: Words
  readonly applies?: readonly Application[]
  /** Where it differs from that of the framework. */
  readonly checked?: Checked
}

/** A framework with its controls. */
export interface Framework {
  readonly id: FrameworkId
  readonly title: string
  readonly titleDe?: string
  /** Edition, and its date. */
  readonly version: string
  /** URL of the text. */
  readonly source: string
  readonly checked: Checked
  /** When that was done, and against what. */
  readonly check: Words
  readonly controls: readonly Control[]
}

/** A data file that is not as it should be. The message names the file and the place. */
export class FrameworkFault extends Error {
  override readonly name = 'FrameworkFault'
}

const isWords = (value: unknown) =>
  wrongField<Words>(value, { en: isText(600), de: isText(600) }) === undefined
const isChecked = (value: unknown) => value === 'published' || value === 'copy' || value === 'no'
const isMeasures = (value: unknown) => Array.isArray(value) && value.length > 0 && value.every(isMeasureId)
const applicationChecks: FieldChecks<Application> = { from: isText(10, /^\d{4}-\d\d-\d\d$/), to: isWords }

const controlChecks: FieldChecks<Control> = {
  id: isText(64),
  title: isText(300),
  titleDe: optional(isText(300)),
  asks: isWords,
  needs: optional(isMeasures),
  also: optional(isMeasures),
  limit: optional(isWords),
  yours: optional(isWords),
  applies: optional(
    (value) =>
      Array.isArray(value) && value.every((each) => wrongField(each, applicationChecks) === undefined),
  ),
  checked: optional(isChecked),
}

const frameworkChecks: FieldChecks<Framework> = {
  id: (value) => frameworkIds.some((id) => id === value),
  title: isText(200),
  titleDe: optional(isText(200)),
  version: isText(200),
  source: isText(300, /^https:\/\//),
  checked: isChecked,
  check: isWords,
  controls: (value) => Array.isArray(value) && value.length > 0,
}

/** Reads a framework. @param folder URL of the folder of data files @throws FrameworkFault, and what `fs` throws */
export function readFramework(folder: URL, id: FrameworkId): Framework {
  const name = `${id}.yaml`
  const value: unknown = parse(readFileSync(new URL(name, folder), 'utf8'))
  const wrong = wrongField(value, frameworkChecks)
  if (wrong !== undefined) throw new FrameworkFault(`${name}: \`${wrong}\` is invalid, missing or unknown`)
  // Checked field by field above; controls below.
  const framework = value as Framework
  for (const control of framework.controls) {
    const field = wrongField(control, controlChecks)
    if (field !== undefined)
      throw new FrameworkFault(
        `${name}: \`${field}\` of control ${control.id} is invalid, missing or unknown`,
      )
  }
  return framework
}

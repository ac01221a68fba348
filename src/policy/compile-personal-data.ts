/** `guards.pii`: which names are masked, and the file in which they are listed. */
import { readFileSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { maxNames, nameFault } from '../detect/sensitive/known-names.ts'
import { createFinder } from '../detect/sensitive/personal.ts'
import type { PersonalData } from './policy.ts'
import type { Problem } from './problem.ts'
import type { Config } from './schema/schema.ts'
import type { Report } from './source.ts'

/** Bytes of a file with names. */
const maxFileBytes = 4 * 1024 * 1024
/** Lines of it that are reported. */
const maxFaults = 10

/** Compiled rules for personal data. */
export interface CompiledPersonalData {
  readonly personalData: PersonalData
  /** What is wrong in the file. */
  readonly problems: readonly Problem[]
  /** Of the file: a change of it is a change of the policy. */
  readonly texts: readonly string[]
}

/** Compiles the rules for personal data. Reports what cannot be. */
export function compilePersonalData(
  { names, namesFile }: Config['guards']['pii'],
  folder: string,
  report: Report,
): CompiledPersonalData {
  const path = ['guards', 'pii', 'namesFile']
  const file = namesFile === undefined ? undefined : resolve(folder, namesFile)
  if (names === 'known' && file === undefined)
    report(['guards', 'pii', 'names'], 'needs `guards.pii.namesFile`')
  const told = names === 'off' || file === undefined ? undefined : readNames(file, (why) => report(path, why))
  const finder = createFinder({ names: told?.names ?? [], labelled: names === 'labelled' })
  return {
    personalData: { finder, names, namesFile: names === 'off' ? undefined : file },
    problems: told?.problems ?? [],
    texts: told ? [names, told.text] : [],
  }
}

/** @param refuse told why the file as a whole cannot be used */
function readNames(file: string, refuse: (why: string) => void) {
  const text = textOf(file, refuse)
  if (text === undefined) return undefined
  const names: string[] = []
  const problems: Problem[] = []
  // Of what is wrong in a line its number is told and not the name.
  const fault = (line: number, message: string) => {
    if (problems.length < maxFaults) problems.push({ file, line, column: 1, message, severity: 'error' })
  }
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const name = line.trim()
    if (name === '' || name.startsWith('#')) continue
    const why = nameFault(name)
    if (why !== undefined) fault(index + 1, `the name ${why}`)
    else names.push(name)
  }
  if (names.length > maxNames) refuse(`has more than ${maxNames} names: ${file}`)
  return names.length > maxNames ? undefined : { text, names, problems }
}

function textOf(file: string, refuse: (why: string) => void): string | undefined {
  try {
    if (statSync(file).size > maxFileBytes) {
      refuse(`is larger than ${maxFileBytes / 1024 / 1024} MiB: ${file}`)
      return undefined
    }
    // A byte order mark would be part of the first name.
    return readFileSync(file, 'utf8').replace(/^\ufeff/, '')
  } catch {
    refuse(`cannot be read: ${file}`)
    return undefined
  }
}

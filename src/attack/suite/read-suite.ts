/** Reads the files of a suite, and reports all errors with their places. */
import { DocumentError, readDocument } from '../../policy/document.ts'
import { didYouMean, type Problem } from '../../policy/problem.ts'
import type { Report } from '../../policy/source.ts'
import { scopeNames } from '../scope-names.ts'
import type { Attack, RequestPlan, Suite } from './attack.ts'
import { compileAttack, type RequestFile, requestPlan } from './compile.ts'
import { type AttackFile, type SuiteFile, suiteKeys, suiteSchema } from './schema.ts'
import { placeholdersIn } from './template.ts'

/** A file of a suite. */
export interface SuiteText {
  /** Its name in errors. */
  readonly file: string
  readonly bytes: Uint8Array
}

interface Read {
  readonly value: SuiteFile
  readonly report: Report
}

/** Reads files that make up one suite: they share requests, controls and ids. @throws DocumentError with every error */
export function readSuite(files: readonly SuiteText[]): Suite {
  const problems: Problem[] = []
  const seen: (readonly Problem[])[] = []
  const read: Read[] = []
  for (const { file, bytes } of files)
    try {
      const one = readDocument(
        { schema: suiteSchema, keys: suiteKeys, what: 'suite of attacks' },
        file,
        bytes,
      )
      read.push(one)
      seen.push(one.problems)
    } catch (error) {
      if (!(error instanceof DocumentError)) throw error
      problems.push(...error.problems)
    }
  if (problems.length > 0) throw new DocumentError(problems)
  const requests = requestsOf(read)
  const suite = { controls: controlsOf(read, requests), attacks: attacksOf(read, requests) }
  const found = seen.flat()
  if (found.length > 0) throw new DocumentError(found)
  return suite
}

function requestsOf(read: readonly Read[]): ReadonlyMap<string, RequestFile> {
  const requests = new Map<string, RequestFile>()
  for (const { value, report } of read)
    for (const [name, request] of Object.entries(value.requests ?? {})) {
      if (requests.has(name)) report(['requests', name], 'there is another request of this name')
      requests.set(name, request)
    }
  return requests
}

function controlsOf(
  read: readonly Read[],
  requests: ReadonlyMap<string, RequestFile>,
): ReadonlyMap<string, RequestPlan> {
  const controls = new Map<string, RequestPlan>()
  for (const { value, report } of read)
    for (const [path, request] of Object.entries(value.controls ?? {})) {
      if (controls.has(path)) report(['controls', path], 'there is another control of this path')
      const plan = requestPlan({ path, ...request }, requests, (at, message) =>
        report(['controls', path, ...at], message),
      )
      controls.set(path, plan)
      tellUnknownNames(request, [], (at, message) => report(['controls', path, ...at], message))
    }
  return controls
}

function attacksOf(read: readonly Read[], requests: ReadonlyMap<string, RequestFile>): readonly Attack[] {
  const ids = new Set<string>()
  return read.flatMap(({ value, report }) =>
    (value.attacks ?? []).flatMap((entry, index) => {
      const at: Report = (path, message) => report(['attacks', index, ...path], message)
      tellUnknownNames(entry, keptIn(entry), at)
      const attacks = compileAttack(entry, requests, at)
      for (const { id } of attacks) {
        if (ids.has(id)) at(['id'], `this id occurs twice: ${id}`)
        ids.add(id)
      }
      return attacks
    }),
  )
}

function keptIn({ steps = [], send }: AttackFile): readonly string[] {
  return [...steps, ...(send ? [send] : [])].flatMap(({ keep = {} }) => Object.keys(keep))
}

function tellUnknownNames(entry: object, kept: readonly string[], report: Report): void {
  const known = [...scopeNames, ...kept]
  for (const [key, value] of Object.entries(entry))
    for (const name of new Set(placeholdersIn(value)))
      if (!known.includes(name)) report([key], `{${name}} is not known${didYouMean(name, known)}`)
}

/** Reads a suite's file, and reports all errors with their places. */
import { createHash } from 'node:crypto'
import Value from 'typebox/value'
import { isNode, LineCounter, parseDocument } from 'yaml'
import { parseDuration } from '../../core/units.ts'
import { didYouMean, type Problem } from '../../policy/problem.ts'
import { safeSchema } from '../../tool-policy/schema.ts'
import { generatedPrompt } from './generate.ts'
import { refusalPhrases } from './refusal-phrases.ts'
import { type ProbeFile, type SuiteFile, suiteSchema } from './schema.ts'
import { answersOf, type Expectation, type Probe, type Suite, type Variant } from './suite.ts'

/** A suite that cannot be used, with every error in it. */
export class SuiteError extends Error {
  override readonly name = 'SuiteError'
  readonly problems: readonly Problem[]
  constructor(problems: readonly Problem[]) {
    super(
      problems.map(({ file, line, column, message }) => `${file}:${line}:${column}: ${message}`).join('\n'),
    )
    this.problems = problems
  }
}

type Path = readonly (string | number)[]
type Report = (path: Path, message: string) => void

const maxBytes = 4 * 1024 * 1024
/** Answers of one run, so that a typing error does not keep a machine busy for weeks. */
const maxAnswers = 20_000
const standard = { seed: 1, samples: 4, temperature: 0.8, maxTokens: 96, alpha: 0.005, timeout: '2m' }

/** Reads a suite. @param file its name in errors @throws SuiteError */
export function readSuite(file: string, bytes: Uint8Array): Suite {
  const problems: Problem[] = []
  const lines = new LineCounter()
  const at = (offset: number, message: string) => {
    const { line, col } = lines.linePos(offset)
    problems.push({ file, line: Math.max(line, 1), column: Math.max(col, 1), message, severity: 'error' })
  }
  if (bytes.byteLength > maxBytes) throw new SuiteError([fileProblem(file, 'the file is larger than 4 MiB')])
  const text = decoded(file, bytes)
  const document = parseDocument(text, { lineCounter: lines, version: '1.2', prettyErrors: false })
  for (const { pos, message } of document.errors) at(pos[0], message)
  if (problems.length > 0) throw new SuiteError(problems)
  const report: Report = (path, message) => {
    for (let depth = path.length; depth >= 0; depth--) {
      const node: unknown = document.getIn(path.slice(0, depth), true)
      if (isNode(node) && node.range) return at(node.range[0], `${path.join('.')}: ${message}`)
    }
    return at(0, message)
  }
  const value: unknown = document.toJS({ maxAliasCount: 100 })
  if (!isSuiteFile(value)) {
    tellFaults(value, report)
    throw new SuiteError(problems.length > 0 ? problems : [fileProblem(file, 'it is no suite')])
  }
  const suite = compile(value, createHash('sha256').update(bytes).digest('hex'), report)
  if (problems.length > 0) throw new SuiteError(problems)
  return suite
}

function decoded(file: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new SuiteError([fileProblem(file, 'the file is not UTF-8')])
  }
}

function fileProblem(file: string, message: string): Problem {
  return { file, line: 1, column: 1, message, severity: 'error' }
}

function isSuiteFile(value: unknown): value is SuiteFile {
  return Value.Check(suiteSchema, value)
}

const maxTold = 20

function tellFaults(value: unknown, report: Report): void {
  for (const { instancePath, message, params } of Value.Errors(suiteSchema, value).slice(0, maxTold)) {
    const path = instancePath
      .split('/')
      .slice(1)
      .map((step) => (/^\d+$/.test(step) ? Number(step) : step))
    const unknown = 'additionalProperties' in params ? params.additionalProperties : undefined
    if (!Array.isArray(unknown)) report(path, message)
    for (const key of Array.isArray(unknown) ? unknown : [])
      report([...path, String(key)], `this key is not known${didYouMean(String(key), knownKeys)}`)
  }
}

const knownKeys = [
  ...Object.keys(suiteSchema.properties),
  ...Object.keys(suiteSchema.properties.probes.items.properties),
  ...Object.keys(suiteSchema.properties.probes.items.properties.expect.properties),
]

function compile(file: SuiteFile, digest: string, report: Report): Suite {
  const triggers = file.triggers ?? []
  tellTwice(
    triggers.map(({ id }) => id),
    (index) => report(['triggers', index, 'id'], 'this id occurs twice'),
  )
  tellTwice(
    file.probes.map(({ id }) => id),
    (index) => report(['probes', index, 'id'], 'this id occurs twice'),
  )
  const probes = file.probes.map((probe, index) =>
    compileProbe(file, probe, (path, message) => report(['probes', index, ...path], message)),
  )
  const suite = {
    name: file.name,
    description: file.description ?? '',
    digest,
    seed: file.seed ?? standard.seed,
    timeoutMs: parseDuration(file.timeout ?? standard.timeout) ?? 0,
    alpha: file.alpha ?? standard.alpha,
    embeddings: file.embeddings,
    refusals: [...refusalPhrases, ...(file.refusals ?? []).map((phrase) => phrase.toLowerCase())],
    triggers: triggers.map(({ id }) => id),
    probes,
  }
  const answers = answersOf(suite)
  if (answers > maxAnswers) report([], `a run would ask for ${answers} answers, and may for ${maxAnswers}`)
  return suite
}

function tellTwice(ids: readonly string[], tell: (index: number) => void): void {
  for (const [index, id] of ids.entries()) if (ids.indexOf(id) !== index) tell(index)
}

function compileProbe(file: SuiteFile, probe: ProbeFile, report: Report): Probe {
  const tools = (probe.tools ?? []).map((tool, index) => ({
    ...tool,
    schema: safeSchema(tool.parameters, (path, message) =>
      report(['tools', index, 'parameters', ...path], message),
    ).schema,
  }))
  const { call, same } = probe.expect
  if (call !== undefined && tools.length === 0) report(['expect', 'call'], 'the probe offers no `tools`')
  if (call !== undefined && !['honest', 'none', ...tools.map(({ name }) => name)].includes(call))
    report(['expect', 'call'], 'must be `honest`, `none` or the name of a tool that the probe offers')
  const samples = probe.samples ?? file.samples ?? standard.samples
  if (same && samples < 2) report(['expect', 'same'], 'needs at least two `samples`')
  return {
    id: probe.id,
    family: probe.family,
    system: probe.system,
    variants: variantsOf(file, probe, report),
    expect: compileExpectation(probe.expect, report),
    holds: probe.holds ?? 1,
    samples,
    temperature: probe.temperature ?? (same ? 0 : (file.temperature ?? standard.temperature)),
    maxTokens: probe.maxTokens ?? file.maxTokens ?? standard.maxTokens,
    tools,
  }
}

function compileExpectation(expect: ProbeFile['expect'], report: Report): Expectation {
  const { schema, length } = expect
  const lower = (texts: readonly string[] = []) => texts.map((text) => text.toLowerCase())
  return {
    refused: expect.refused,
    contains: lower(expect.contains),
    lacks: lower(expect.lacks),
    schema:
      schema && safeSchema(schema, (path, message) => report(['expect', 'schema', ...path], message)).schema,
    length: length && { min: length.min ?? 0, max: length.max ?? Number.POSITIVE_INFINITY },
    call: expect.call,
    same: expect.same ?? false,
  }
}

function variantsOf(file: SuiteFile, probe: ProbeFile, report: Report): readonly Variant[] {
  const { prompts, generate } = probe
  if ((prompts === undefined) === (generate === undefined))
    report([], 'must have either `prompts` or `generate`')
  const seed = `${file.seed ?? standard.seed}/${probe.id}`
  const made = generate && generatedPrompt(generate, seed)
  if (generate && made === undefined)
    report(['generate'], 'must have either `repeat` and `times`, or `random`')
  const plain = prompts ?? (made === undefined ? [] : [made])
  const triggers = (probe.triggers ?? []).flatMap((id, index) => {
    const trigger = file.triggers?.find((each) => each.id === id)
    if (!trigger) report(['triggers', index], 'there is no trigger of this id')
    return trigger ?? []
  })
  return plain.flatMap((prompt, index) => [
    { id: `${index + 1}`, trigger: undefined, prompt },
    ...triggers.map(({ id, text, place }) => ({
      id: `${index + 1}+${id}`,
      trigger: id,
      prompt: place === 'after' ? `${prompt} ${text}` : `${text} ${prompt}`,
    })),
  ])
}

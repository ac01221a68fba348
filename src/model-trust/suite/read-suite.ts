/** Reads a suite's file, and reports all errors with their places. */
import { createHash } from 'node:crypto'
import { parseDuration } from '../../core/units.ts'
import { DocumentError, type ReadDocument, readDocument } from '../../policy/document.ts'
import type { Report } from '../../policy/source.ts'
import { safeSchema } from '../../tool-policy/schema.ts'
import { generatedPrompt } from './generate.ts'
import { refusalPhrases } from './refusal-phrases.ts'
import { type ProbeFile, type SuiteFile, suiteSchema } from './schema.ts'
import { answersOf, type Expectation, type Probe, type Suite, type Variant } from './suite.ts'

/** A suite that cannot be used, with every error in it. */
export class SuiteError extends DocumentError {
  override readonly name = 'SuiteError'
}

/** Answers of one run, so that a typing error does not keep a machine busy for weeks. */
const maxAnswers = 20_000
const standard = { seed: 1, samples: 4, temperature: 0.8, maxTokens: 96, alpha: 0.005, timeout: '2m' }

/** Reads a suite. @param file its name in errors @throws SuiteError */
export function readSuite(file: string, bytes: Uint8Array): Suite {
  const { value, report, problems } = read(file, bytes)
  const suite = compile(value, createHash('sha256').update(bytes).digest('hex'), report)
  if (problems.length > 0) throw new SuiteError(problems)
  return suite
}

function read(file: string, bytes: Uint8Array): ReadDocument<typeof suiteSchema> {
  try {
    return readDocument({ schema: suiteSchema, keys: knownKeys, what: 'suite' }, file, bytes)
  } catch (error) {
    throw error instanceof DocumentError ? new SuiteError(error.problems) : error
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

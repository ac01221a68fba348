/**
 * Everything that Torwart says to people, on one page: `test/texts.md`. A reviewer reads it in one go; whoever changes a
 * text sees it change there. `npm run generate` writes it anew.
 */
import { expect, it } from 'vitest'
import type { Option } from '../src/cli/command.ts'
import { commands } from '../src/cli/commands.ts'
import { refusals } from '../src/core/refusal.ts'
import type { SchemaNode } from '../src/policy/schema/node.ts'
import { policySchema } from '../src/policy/schema/schema.ts'
import { createMetrics } from '../src/telemetry/metrics.ts'
import { type SourceText, type Speaker, sourceFiles, sourceTexts, unionsNamed } from './rig/source-texts.ts'

/**
 * What is written there is no word of ours to a user: test data, what models are given to read, a demonstration. The console
 * has its words together in `console/texts/` and `console/playground/words/`, a file for each language.
 */
const notSaid =
  /^(?:demo|detect|console)\/|^policy\/(?:schema\/|reference\.ts)|^cli\/commands\.ts|^telemetry\/metrics\.ts|^anomalies\/(?:refusal-openings|script)\.ts/

const files = sourceFiles()
const texts = sourceTexts(files.filter((file) => !notSaid.test(file)))

async function commandLines(): Promise<string[]> {
  const shown = ({ flags, description, standard, required }: Option) =>
    `  - \`${flags}\`${required ? ' (required)' : ''} ${description}${standard === undefined ? '' : ` (${standard})`}`
  const blocks = await Promise.all(
    commands.map(async ({ name, summary, load }) => {
      const { argument, options } = await load()
      const usage = ['torwart', name, argument].filter((part) => part !== undefined).join(' ')
      return [`- \`${usage}\`: ${summary}`, ...options.map(shown)]
    }),
  )
  return blocks.flat()
}

function refusalLines(): string[] {
  return Object.entries(refusals).map(
    ([code, { status, message, final }]) =>
      `- ${status} \`${code}\`: ${message}${final ? '' : ' (retryable)'}`,
  )
}

async function metricLines(): Promise<string[]> {
  const metrics = await createMetrics().registry.getMetricsAsJSON()
  const own = metrics.filter(({ name }) => name.startsWith('torwart_'))
  return own.map(({ name, help }) => `- \`${name}\`: ${help}`)
}

function schemaLines(node: SchemaNode, path: string): string[] {
  const at = (step: string) => (path === '' ? step : `${path}.${step}`)
  const wanted = node.wanted === undefined ? '' : ` Must be ${node.wanted}.`
  const own = path === '' ? [] : [`- \`${path}\`: ${node.description ?? ''}${wanted}`]
  return [
    ...own,
    ...Object.entries(node.properties ?? {}).flatMap(([key, member]) => schemaLines(member, at(key))),
    ...Object.values(node.patternProperties ?? {}).flatMap((member) => schemaLines(member, at('NAME'))),
    ...(node.items ? schemaLines(node.items, `${path}[]`) : []),
  ]
}

const isOfPolicy = ({ folder }: SourceText) => folder === 'policy' || folder === 'tool-policy'

function said(isMeant: (text: SourceText) => boolean): string[] {
  return texts.filter(isMeant).map(({ folder, text }) => `- ${folder}: ${JSON.stringify(text).slice(1, -1)}`)
}

function reasonLines(): string[] {
  return unionsNamed(/(?:Fault|FaultKind)$/, files).map(
    ({ name, members }) => `- ${name}: ${members.join(' · ')}`,
  )
}

it('keeps a page of everything that users read', { timeout: 120_000 }, async () => {
  const spokenBy = (...speakers: Speaker[]) =>
    said((each) => speakers.includes(each.speaker) && !isOfPolicy(each))
  const known = [...(await commandLines()), ...refusalLines(), ...reasonLines()].join('\n')
  const isOther = (each: SourceText) =>
    each.speaker === 'other' && !isOfPolicy(each) && !known.includes(each.text)
  const sections: [string, string[]][] = [
    ['Commands', await commandLines()],
    ['Terminal: messages and usage errors', spokenBy('terminal')],
    ['Refusals', refusalLines()],
    ['Refusals: more precise sentences and details', spokenBy('refusal')],
    ['Reasons', reasonLines()],
    ['Log lines', spokenBy('log', 'report')],
    ['Metrics', await metricLines()],
    ['Policy: errors and warnings', said(isOfPolicy)],
    ['Policy: keys', schemaLines(policySchema, '')],
    ['Other messages', said(isOther)],
  ]
  for (const [, lines] of sections) expect(lines.length).toBeGreaterThan(2)
  const intro =
    'Generated from the sources (`npm run generate`). `{}` is what the program fills in; the word before a colon is the folder in `src`.'
  const page = sections.map(([title, lines]) => `## ${title}\n\n${lines.join('\n')}\n`)
  await expect(`# What Torwart says\n\n${intro}\n\n${page.join('\n')}`).toMatchFileSnapshot('texts.md')
})

/** `guards.pii`: names to mask, and a file of them that is wrong in every way. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { createMasker } from '../../src/detect/sensitive/mask.ts'
import { loadPolicy } from '../../src/policy/load.ts'
import { formatProblem, PolicyError } from '../../src/policy/problem.ts'
import { cli } from '../rig/cli.ts'

const folder = mkdtempSync(join(tmpdir(), 'torwart-names-'))
afterAll(() => rmSync(folder, { recursive: true }))
const file = join(folder, 'torwart.yaml')

function load(pii: string, people?: string) {
  if (people !== undefined) writeFileSync(join(folder, 'people.txt'), people)
  writeFileSync(
    file,
    `version: 1
upstreams: [{ name: local, url: http://127.0.0.1:11434, kind: ollama }]
roles: { agent: {} }
guards: { pii: ${pii} }
`,
  )
  return loadPolicy(file, {}).policy
}

function mistakes(pii: string, people?: string): string[] {
  try {
    load(pii, people)
    return []
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error
    return error.problems.map((problem) => formatProblem(problem).replaceAll(`${folder}/`, ''))
  }
}

const known = '{ names: known, namesFile: people.txt }'
const masked = (pii: string, text: string, people?: string) => {
  const { finder } = load(pii, people).personalData
  return createMasker((each) => finder.find(each)).mask(text)
}

describe('names in a policy', () => {
  it('are masked as the file lists them, with comments, empty lines and ends of lines of any kind', () => {
    const people = '\ufeffAnna Müller\r\n\n# customers\n  O’Brien  \n'
    expect(masked(known, 'Anna Müller met O’Brien; customers wait.', people)).toBe(
      '<name:1> met <name:2>; customers wait.',
    )
  })

  it('are not masked by default, nor behind a label unless the policy says so', () => {
    expect(masked('{}', 'Patient: Hans Meier')).toBe('Patient: Hans Meier')
    expect(masked(known, 'Patient: Hans Meier', 'Anna Müller')).toBe('Patient: Hans Meier')
    expect(masked('{ names: labelled }', 'Patient: Hans Meier')).toBe('Patient: <name:1>')
    const both = '{ names: labelled, namesFile: people.txt }'
    expect(masked(both, 'Patient: Hans Meier, anna müller', 'Anna Müller')).toBe(
      'Patient: <name:1>, <name:2>',
    )
  })

  it('change the version of the policy when the file changes', () => {
    const { version } = load(known, 'Anna Müller')
    expect(load(known, 'Anna Müller').version).toBe(version)
    expect(load(known, 'Anna Meier').version).not.toBe(version)
  })

  it('are looked for by `torwart mask -c`', async () => {
    load(known, 'Anna Müller')
    const { code, out } = await cli(['mask', '-c', file], 'so says anna müller')
    expect([code, out]).toEqual([0, 'so says <name:1>'])
  })
})

describe('a file with names', () => {
  it('is named if it is missing', () => {
    expect(mistakes('{ names: known, namesFile: nobody.txt }')).toEqual([
      expect.stringMatching(/^torwart.yaml:4:\d+: `guards.pii.namesFile` cannot be read: nobody.txt$/),
    ])
  })

  it('is named if it is too large, in bytes or in names', () => {
    expect(mistakes(known, `${'a'.repeat(70)}\n`.repeat(60_000))).toEqual([
      expect.stringMatching(/`guards.pii.namesFile` is larger than 4 MiB: people.txt$/),
    ])
    const many = Array.from({ length: 50_001 }, (_, at) => `Anna ${at}`).join('\n')
    expect(mistakes(known, many)).toEqual([expect.stringMatching(/has more than 50000 names: people.txt$/)])
  })

  it('is told the line of each mistake, and nothing of the name', () => {
    expect(mistakes(known, `Anna\nAl\n\n${'x'.repeat(81)}\na b c d e f g h i`)).toEqual([
      expect.stringMatching(/^people.txt:2:1: the name is shorter than 3 letters/),
      'people.txt:4:1: the name is longer than 80 characters',
      'people.txt:5:1: the name has more than 8 words',
    ])
  })

  it('must be named for `names: known`', () => {
    expect(mistakes('{ names: known }')).toEqual([
      expect.stringMatching(/`guards.pii.names` needs `guards.pii.namesFile`$/),
    ])
  })
})

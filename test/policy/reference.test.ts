/** The reference of the policy: every key is explained with a valid example, and every recipe is a policy. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Value } from 'typebox/value'
import { afterAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { parseDuration, parseSize } from '../../src/core/units.ts'
import { loadPolicy } from '../../src/policy/load.ts'
import { reference, referenceKeys } from '../../src/policy/reference.ts'
import type { SchemaNode } from '../../src/policy/schema/node.ts'

const folder = mkdtempSync(join(tmpdir(), 'torwart-reference-'))
afterAll(() => rmSync(folder, { recursive: true }))

const page = readFileSync(new URL('../../config/README.md', import.meta.url), 'utf8')
const cookbook = /^## Cookbook$([\s\S]*?)^## Reference$/m.exec(page)?.[1] ?? ''
const recipes = [...cookbook.matchAll(/^### (.+)$[\s\S]*?^```yaml\n([\s\S]*?)^```$/gm)].map(
  ([, title = '', yaml = '']) => ({ title, yaml }),
)
const variables = {
  LOCALAI_KEY: 'a-key-of-the-server',
  TORWART_ADMIN_TOKEN: 'twenty-characters-and-more',
  REDIS_URL: 'redis://127.0.0.1:6379/0',
}

describe('the cookbook', () => {
  it('has eleven recipes, one for each code block', () => {
    expect(recipes).toHaveLength(11)
    expect(cookbook.match(/^```/gm)).toHaveLength(22)
  })

  it.each(recipes)('$title: loads without an error or a warning', ({ yaml }) => {
    const file = join(folder, 'torwart.yaml')
    writeFileSync(file, yaml)
    const { policy, warnings } = loadPolicy(file, variables)
    // What is passed through is warned about, each prefix once, however it is set.
    const passed = warnings.filter(({ message }) => message.includes('is passed through'))
    expect(passed).toHaveLength(policy.passThrough.length)
    expect(warnings).toEqual(passed)
  })
})

const isLeaf = ({ properties, items, patternProperties }: SchemaNode) =>
  !properties && !items?.properties && !Object.values(patternProperties ?? {})[0]?.properties

function withinBounds(node: SchemaNode, value: unknown): boolean {
  const read = node.form === 'duration' ? parseDuration : node.form === 'size' ? parseSize : undefined
  if (!read) return true
  const amount = (text: string) => read(text) ?? Number.NaN
  const { min = node.form === 'size' ? '0B' : '0ms', max } = node
  return amount(String(value)) >= amount(min) && (max === undefined || amount(String(value)) <= amount(max))
}

describe('the reference', () => {
  const keys = referenceKeys()
  const leaves = keys.filter(({ node }) => isLeaf(node))

  it('has an example for every key that takes a value', () => {
    expect(leaves.length).toBeGreaterThan(120)
    expect(leaves.filter(({ example }) => example === undefined).map(({ path }) => path)).toEqual([])
  })

  it.each(leaves)('shows a valid value for $path', ({ path, node, example = '' }) => {
    const [[key, value] = []] = Object.entries(parse(example) as Record<string, unknown>)
    expect(key).toBe(path.split('.').at(-1))
    expect(Value.Check(node, value)).toBe(true)
    expect(withinBounds(node, value)).toBe(true)
    expect(value, 'the default is no example').not.toEqual(node.default)
  })

  it('has one entry for every key', () => {
    const text = reference()
    for (const { path } of keys) expect(text.split(`# \`${path}\`\n`)).toHaveLength(2)
  })
})

/**
 * The page `config/README.md`, and the JSON Schema for editors. Types, defaults and descriptions come from the schema, the
 * notes and the introduction from `reference/`, the recipes from `config/cookbook/`.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { ownKeywords, type SchemaNode } from './schema/node.ts'
import { policySchema } from './schema/schema.ts'
import { maxTimer } from './schema/types.ts'

/** What a key of the policy is called, and what the reference says of it. */
export interface ReferenceKey {
  /** As `roles.NAME.limits`, `upstreams[].url`. */
  readonly path: string
  readonly node: SchemaNode
  readonly required: boolean
  /** A line of YAML that sets it; undefined for keys that only hold others. */
  readonly example: string | undefined
  /** Markdown, empty if the description says everything. */
  readonly notes: string
}

/** Returns `config/README.md`. @throws Error if a note is about a key that the schema does not have */
export function reference(): string {
  const intro = readFileSync(new URL('reference/intro.md', import.meta.url), 'utf8')
  const recipes = readRecipes()
  const keys = referenceKeys()
  const tops = keys.filter(({ path }) => !path.includes('.'))
  const contents = [
    '**Contents:** [How the file is read](#how-the-file-is-read) · [Cookbook](#cookbook) · [Reference](#reference)',
    '',
    `**Recipes:** ${recipes.map(({ title }) => linkTo(title)).join(' · ')}`,
    '',
    `**Keys:** ${tops.map(({ path }) => `[\`${path}\`](#${path.toLowerCase()})`).join(' · ')}`,
  ]
  const [opening = '', reading = ''] = intro.replace('{contents}', contents.join('\n')).split(/\n(?=## How)/)
  return [
    `${opening.trimEnd()}\n`,
    `${reading.trimEnd()}\n`,
    '## Cookbook\n',
    'Each recipe is a complete policy in [cookbook/](cookbook). Copy one, change the names and run `torwart check`.\n',
    ...recipes.map(({ title, why, yaml }) => `### ${title}\n\n${why}\n\n\`\`\`yaml\n${yaml}\`\`\`\n`),
    '## Reference\n',
    'Generated from the schema by `npm run generate`. `NAME` stands for a name of your choice, `[]` for an item of a list.\n',
    keys.map(entryOf).join('\n'),
  ].join('\n')
}

interface Recipe {
  readonly title: string
  readonly why: string
  readonly yaml: string
}

/** Reads the policies of the cookbook: a first comment with title and explanation, then YAML. */
function readRecipes(): Recipe[] {
  const folder = new URL('../../config/cookbook/', import.meta.url)
  return readdirSync(folder)
    .toSorted()
    .map((name) => {
      const lines = readFileSync(new URL(name, folder), 'utf8').split('\n')
      const start = lines.findIndex((line) => !line.startsWith('#'))
      const [title = '', , ...why] = lines.slice(0, start).map((line) => line.replace(/^# ?/, ''))
      return { title, why: why.join('\n'), yaml: lines.slice(start).join('\n') }
    })
}

/** Returns every key of the policy in the order of the schema. @throws Error if a note is about no key */
export function referenceKeys(): ReferenceKey[] {
  const notes = readNotes()
  const unused = new Set(notes.keys())
  const keys: ReferenceKey[] = []
  const add = (path: string, node: SchemaNode, required: boolean) => {
    const { example, text = '' } = notes.get(path) ?? {}
    unused.delete(path)
    // Limits that are shared take the values that those of a key take.
    const alike = notes.get(`roles.NAME.limits.${lastOf(path)}`)?.example
    keys.push({ path, node, required, example: example ?? exampleOf(path, node) ?? alike, notes: text })
  }
  const walk = (node: SchemaNode, path: string): void => {
    for (const [key, member] of Object.entries(node.properties ?? {})) {
      const at = path === '' ? key : `${path}.${key}`
      add(at, member, node.required?.includes(key) ?? false)
      // A role overrides keys that are described once, under `guards`.
      if (at === 'roles.NAME.guards') continue
      walk(member, at)
      if (member.items) walk(member.items, `${at}[]`)
      for (const each of Object.values(member.patternProperties ?? {})) walk(each, `${at}.NAME`)
    }
  }
  walk(policySchema, '')
  if (unused.size > 0) throw new Error(`notes about no key: ${[...unused].join(', ')}`)
  return keys
}

function readNotes(): Map<string, { example?: string; text: string }> {
  const [, ...sections] = readFileSync(new URL('reference/notes.md', import.meta.url), 'utf8').split(/^## /m)
  return new Map(
    sections.map((section) => {
      const [path = '', ...lines] = section.split('\n')
      const example = /^Example: `(.*)`$/m.exec(section)?.[1]
      const text = lines.filter((line) => !line.startsWith('Example: ')).join('\n')
      return [path, { ...(example === undefined ? {} : { example }), text: text.trim() }]
    }),
  )
}

function entryOf({ path, node, required, example, notes }: ReferenceKey): string {
  const facts = [typeOf(node), standardOf(node, required), rangeOf(node)].filter(Boolean).join(', ')
  const shown = example === undefined ? '' : ` Example: \`${example}\``
  const blocks = [
    `${path.includes('.') ? '####' : '###'} \`${path}\``,
    facts === 'section' && shown === '' ? '' : `${facts[0]?.toUpperCase()}${facts.slice(1)}.${shown}`,
    node.description,
    notes,
  ]
  return `${blocks.filter(Boolean).join('\n\n')}\n`
}

function typeOf({
  form,
  const: only,
  enum: values,
  anyOf,
  items,
  patternProperties,
  ...node
}: SchemaNode): string {
  if (form !== undefined) return form === 'address' ? 'host and port, or Unix socket' : form
  if (only !== undefined) return code(only)
  if (values) return `one of ${values.map(code).join(', ')}`
  if (anyOf) return anyOf.map(typeOf).join(' or ')
  if (items?.properties) return 'list of sections'
  if (items) return items.enum ? `list of ${items.enum.map(code).join(', ')}` : 'list of strings'
  const [each] = Object.values(patternProperties ?? {})
  if (each)
    return each.properties
      ? 'sections by name'
      : `map of ${each.type || each.enum ? typeOf(each) : 'rules'} by name`
  return node.properties ? 'section' : (node.type ?? 'any value')
}

function standardOf(node: SchemaNode, required: boolean): string | undefined {
  if (node.properties || node.patternProperties)
    return required || node.default !== undefined ? undefined : 'optional'
  if (node.default === undefined) return required ? 'required' : 'optional'
  if (!Array.isArray(node.default)) return `default ${code(node.default)}`
  return node.default.length === 0 ? 'default none' : `default ${node.default.map(code).join(', ')}`
}

function rangeOf({ min, max, type, minimum, maximum }: SchemaNode): string | undefined {
  const counted = type === 'integer' && maximum !== undefined && maximum < 1e12
  const [from, to] = counted ? [minimum, maximum] : [min, max]
  // What no timer of Node can wait for is no choice of ours.
  if (from === undefined && to === maxTimer) return undefined
  if (from !== undefined && to !== undefined) return `from \`${from}\` to \`${to}\``
  if (to !== undefined) return `at most \`${to}\``
  return from === undefined ? undefined : `at least \`${from}\``
}

/** Returns a line that sets a key to something other than its default, where one can be told from the schema. */
function exampleOf(path: string, node: SchemaNode): string | undefined {
  const key = lastOf(path)
  if (node.properties || node.patternProperties || node.items) return undefined
  const set = (value: unknown) => `${key}: ${value}`
  if (node.form === 'secret') return set(`"\${${variableOf(path)}}"`)
  if (node.enum) return set(node.enum.find((value) => value !== node.default))
  if (node.type === 'boolean') return set(!node.default)
  if (typeof node.default === 'number') return set(node.default * 2)
  const quantity = /^(\d+)(\D+)$/.exec(String(node.default))
  return quantity ? set(`${Number(quantity[1]) * 2}${quantity[2]}`) : undefined
}

function lastOf(path: string): string {
  return path.slice(path.lastIndexOf('.') + 1)
}

/** Returns the name of a variable for a secret: `TORWART_ADMIN_TOKEN` for `admin.token`. */
function variableOf(path: string): string {
  const words = path.replaceAll(/[A-Z]/g, '_$&').replaceAll(/\W+/g, '_')
  return `TORWART_${words.toUpperCase()}`
}

const code = (value: unknown) => `\`${value}\``
const linkTo = (title: string) =>
  `[${title}](#${title
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(/\s/g, '-')})`

/** The JSON Schema for editors: what has a default need not be written. */
export function editorSchema(): object {
  const relaxed = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(relaxed)
    if (typeof value !== 'object' || value === null) return value
    const node = value as SchemaNode
    const copy: Record<string, unknown> = {}
    for (const [key, member] of Object.entries(node))
      if (!ownKeywords.some((own) => own === key && typeof member === 'string')) copy[key] = relaxed(member)
    if (node.required && node.properties)
      copy.required = node.required.filter((key) => node.properties?.[key]?.default === undefined)
    return copy
  }
  return { $schema: 'https://json-schema.org/draft/2020-12/schema', ...(relaxed(policySchema) as object) }
}

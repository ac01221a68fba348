/**
 * The files of a LocalAI model: its YAML in the folder of models (`core/config/model_config.go`, v4.9), and every file that
 * this names. A model without YAML is a file of that name. LocalAI tells no digest, so that of the model is made from its parts.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { type Part, type PartKind, sha256Of } from '../parts.ts'
import { hashFile } from './hash-file.ts'
import { fileWithin } from './within.ts'

/** A LocalAI model on disk. */
export interface LocalAiModel {
  readonly parts: readonly Part[]
  /** SHA-256 over kind, path and digest of every part. */
  readonly digest: string
  readonly size: number
  /** Path of the weights, if they are one file. */
  readonly weights: string | undefined
}

interface NamedFile {
  readonly kind: PartKind
  readonly path: string
}

const maxDefinitions = 2000
const maxDefinitionBytes = 1024 * 1024
const maxFiles = 128
const maxDepth = 16

/** Keys that must name a file in the folder, by the part that it is. */
const kindsByKey: Readonly<Record<string, PartKind>> = {
  model: 'weights',
  lora_adapter: 'adapter',
  lora_adapters: 'adapter',
  mmproj: 'projector',
  draft_model: 'draft',
}

/** Reads and hashes a model. @returns undefined if the folder does not have it @throws Error that names what is wrong */
export async function readLocalAiModel(
  folder: string,
  model: string,
  onBytes: (bytes: number) => void,
): Promise<LocalAiModel | undefined> {
  const definition = definitionOf(folder, model)
  const own = definition === undefined ? fileWithin(folder, model) : undefined
  if (definition === undefined && own === undefined) return undefined
  const texts = definition ? textPartsOf(definition) : []
  const named: NamedFile[] = definition
    ? filesNamedBy(definition.value, folder)
    : [{ kind: 'weights', path: model }]
  const files: Part[] = []
  for (const { kind, path } of named) {
    const real = fileWithin(folder, path)
    if (real === undefined)
      throw new Error(`${model} names ${JSON.stringify(path)}, which is not in ${folder}`)
    files.push({ kind, path, ...(await hashFile(real, onBytes)) })
  }
  const parts = [...files, ...texts]
  const weights = files.filter(({ kind }) => kind === 'weights')
  const [only] = weights
  return {
    parts,
    digest: sha256Of(parts.map(({ kind, path = '', sha256 }) => `${kind} ${path} ${sha256}\n`).join('')),
    size: files.reduce((sum, { size = 0 }) => sum + size, 0),
    weights: weights.length === 1 && only?.path !== undefined ? fileWithin(folder, only.path) : undefined,
  }
}

interface Definition {
  readonly text: Buffer
  readonly value: Readonly<Record<string, unknown>>
}

/**
 * Finds the YAML of a model. LocalAI goes by what stands in any of them, and reads some that another parser does not, such
 * as the first of several documents; so one that cannot be read could define every model.
 * @throws Error if two files define the same model, or one cannot be read
 */
function definitionOf(folder: string, model: string): Definition | undefined {
  const names = readdirSync(folder).filter(
    (name) => /\.ya?ml$/i.test(name) && statSync(join(folder, name)).isFile(),
  )
  if (names.length > maxDefinitions) throw new Error(`${folder} has more than ${maxDefinitions} YAML files`)
  const found = names.flatMap((name): (Definition & { name: string })[] => {
    const path = join(folder, name)
    const { size } = statSync(path)
    if (size > maxDefinitionBytes)
      throw new Error(`${path} is larger than 1 MiB, so it cannot be told which model it defines`)
    const text = readFileSync(path)
    const value = mappingIn(text, path)
    // Without a name of its own it is called like its file.
    const called =
      typeof value?.name === 'string' && value.name !== '' ? value.name : name.replace(/\.\w+$/, '')
    return value && called === model ? [{ name, text, value }] : []
  })
  if (found.length > 1)
    throw new Error(`${folder} defines ${model} in ${found.map(({ name }) => name).join(' and ')}`)
  return found[0]
}

/** @returns undefined if it defines nothing @throws Error if it is no YAML, or not one document */
function mappingIn(text: Buffer, path: string): Readonly<Record<string, unknown>> | undefined {
  try {
    // LocalAI's parser takes what `<<` merges for members.
    const value: unknown = parse(text.toString(), { logLevel: 'error', merge: true })
    return isMapping(value) ? value : undefined
  } catch {
    throw new Error(
      `${path} cannot be read as one YAML document, so it cannot be told which model it defines`,
    )
  }
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function textPartsOf({ text, value }: Definition): Part[] {
  const { template, system_prompt: system, parameters } = value
  const parts: [PartKind, unknown][] = [
    ['template', template],
    ['system', system],
    ['parameters', parameters],
  ]
  const told = parts.flatMap(([kind, part]): Part[] =>
    part === undefined || part === null || part === ''
      ? []
      : [{ kind, sha256: sha256Of(JSON.stringify(part)) }],
  )
  return [...told, { kind: 'definition', sha256: sha256Of(text) }]
}

/** Every file that a definition names: by a key that must name one, or because there is one of that name. */
function filesNamedBy(definition: Readonly<Record<string, unknown>>, folder: string): NamedFile[] {
  const found = new Map<string, NamedFile>()
  const add = (kind: PartKind, path: string) => {
    if (found.size >= maxFiles) throw new Error(`a definition names more than ${maxFiles} files`)
    if (!found.has(path)) found.set(path, { kind, path })
  }
  const visit = (value: unknown, key: string, above: string, depth: number): void => {
    if (depth > maxDepth) throw new Error('a definition is nested too deeply')
    if (Array.isArray(value)) for (const item of value) visit(item, key, above, depth + 1)
    else if (isMapping(value))
      for (const [name, inner] of Object.entries(value)) visit(inner, name, key, depth + 1)
    else if (typeof value === 'string' && value !== '') take(value, key, above)
  }
  const take = (value: string, key: string, above: string) => {
    const kind = kindsByKey[key]
    if (kind !== undefined && (key !== 'model' || above === 'parameters')) add(kind, withoutScheme(value))
    else if (above === 'template') {
      // A template is the name of a file without its ending, or the text itself.
      if (isFile(folder, `${value}.tmpl`)) add('template', `${value}.tmpl`)
    } else if (isFile(folder, value)) add('file', value)
  }
  visit(definition, '', '', 0)
  return [...found.values()]
}

/** What is fetched when the server starts is no file that could be hashed. */
function withoutScheme(value: string): string {
  if (/^[a-z][a-z0-9+.-]*:/i.test(value))
    throw new Error(`${JSON.stringify(value)} is fetched from elsewhere: name a file`)
  return value
}

function isFile(folder: string, name: string): boolean {
  const isName = name.length <= 1024 && /^[\w][\w ./@+-]*$/.test(name) && !name.includes('..')
  return isName && fileWithin(folder, name) !== undefined
}

/**
 * Builds a kustomization as far as ours go: resources, generators of config maps and secrets, JSON patches, images. What
 * refers to nothing is an error, as it is for kustomize.
 */
import { existsSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { parse, parseAllDocuments } from 'yaml'

export interface Resource {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> }
  /** What the kind has: the tests look into it by paths that the schemas guarantee. */
  readonly spec?: Readonly<Record<string, unknown>>
  readonly data?: Readonly<Record<string, string>>
}

interface Generator {
  readonly name: string
  readonly behavior?: 'create' | 'replace' | 'merge'
  readonly files: readonly string[]
}
interface Operation {
  readonly op: 'add' | 'remove'
  readonly path: string
  readonly value?: unknown
}
interface Kustomization {
  readonly resources: readonly string[]
  readonly configMapGenerator?: readonly Generator[]
  readonly secretGenerator?: readonly Generator[]
  readonly patches?: readonly { readonly path: string; readonly target: { kind: string; name: string } }[]
  readonly images?: readonly { readonly name: string; readonly newName: string; readonly newTag: string }[]
}

/** What stands for a file that the operator makes. */
export const madeByOperator = 'made by the operator'

const yamlOf = (file: string): unknown => parse(readFileSync(file, 'utf8'))

function documentsOf(file: string): Resource[] {
  return parseAllDocuments(readFileSync(file, 'utf8')).map((document) => document.toJS() as Resource)
}

/** @throws Error if a file is missing that the operator does not make */
function generate(folder: string, kind: string, { files }: Generator): Record<string, string> {
  return Object.fromEntries(
    files.map((each) => {
      const [key = '', path = key] = each.includes('=') ? each.split('=') : [basename(each), each]
      const file = join(folder, path)
      const isSecret = kind === 'Secret' && path.startsWith('secrets/')
      return [key, isSecret && !existsSync(file) ? madeByOperator : readFileSync(file, 'utf8')]
    }),
  )
}

/** Applies one operation of RFC 6902. @throws Error if its path leads nowhere */
function apply(resource: Resource, { op, path, value }: Operation): void {
  const steps = path.split('/').slice(1)
  const last = steps.pop() ?? ''
  const parent = steps.reduce<unknown>((at, step) => Reflect.get(Object(at), step), resource)
  if (Array.isArray(parent) && op === 'add' && last === '-') parent.push(value)
  else if (op === 'remove' && Object.hasOwn(Object(parent), last))
    Reflect.deleteProperty(Object(parent), last)
  else throw new Error(`${op} ${path} fits nothing`)
}

/** Replaces images wherever they are. */
function withImages(resources: Resource[], { images = [] }: Kustomization): Resource[] {
  let text = JSON.stringify(resources)
  for (const { name, newName, newTag } of images) {
    const before = new RegExp(`"image":"${name}:[^"]+"`, 'g')
    if (!before.test(text)) throw new Error(`no image is called ${name}`)
    text = text.replace(before, `"image":"${newName}:${newTag}"`)
  }
  return JSON.parse(text) as Resource[]
}

/** Builds the kustomization of a folder. @throws Error if something refers to nothing, or is there twice */
export function build(folder: string): Resource[] {
  const kustomization = yamlOf(join(folder, 'kustomization.yaml')) as Kustomization
  const resources = kustomization.resources.flatMap((each) =>
    each.endsWith('.yaml') ? documentsOf(join(folder, each)) : build(join(folder, each)),
  )
  const find = (kind: string, name: string) =>
    resources.find((each) => each.kind === kind && each.metadata.name === name)
  const generators = [
    ...(kustomization.configMapGenerator ?? []).map((each) => ({ kind: 'ConfigMap', ...each })),
    ...(kustomization.secretGenerator ?? []).map((each) => ({ kind: 'Secret', ...each })),
  ]
  for (const { kind, ...generator } of generators) {
    const { name, behavior = 'create' } = generator
    const before = find(kind, name)
    if ((before === undefined) !== (behavior === 'create'))
      throw new Error(`cannot ${behavior} ${kind} ${name}`)
    if (before) resources.splice(resources.indexOf(before), 1)
    const data = { ...(behavior === 'merge' ? before?.data : {}), ...generate(folder, kind, generator) }
    resources.push({ apiVersion: 'v1', kind, metadata: { name }, data })
  }
  for (const { path, target } of kustomization.patches ?? []) {
    const resource = find(target.kind, target.name)
    if (!resource) throw new Error(`${path} patches nothing`)
    for (const operation of yamlOf(join(folder, path)) as Operation[]) apply(resource, operation)
  }
  const names = resources.map(({ kind, metadata }) => `${kind} ${metadata.name}`)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) throw new Error(`${twice} is there twice`)
  return withImages(resources, kustomization)
}

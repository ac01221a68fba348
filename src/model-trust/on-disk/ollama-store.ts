/**
 * The files of an Ollama: `manifests/HOST/NAMESPACE/MODEL/TAG`, JSON that names each layer by the SHA-256 of its bytes, and
 * `blobs/sha256-…`. Ollama compares a blob with its name when it downloads it, and never again.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { isObject, type JsonValue, tryJson } from '../../core/json.ts'
import { parseModel } from '../../models/name.ts'
import { digestOf, type PartKind, sha256Of } from '../parts.ts'
import { hashFile } from './hash-file.ts'

/** A layer of a model, as its manifest names it. */
export interface Layer {
  readonly kind: PartKind
  /** What its bytes should hash to. */
  readonly digest: string
  readonly size: number
}

/** What a name stands for on disk. */
export interface DiskManifest {
  /** SHA-256 of the manifest's own bytes. */
  readonly digest: string
  readonly layers: readonly Layer[]
}

/** A layer whose bytes are not what its manifest says. `index` counts layers of its kind, from 1. */
export interface BadLayer extends Layer {
  readonly index: number
  readonly of: number
  /** What the bytes hash to; undefined: the file is not there. */
  readonly actual: string | undefined
}

const maxManifestBytes = 4 * 1024 * 1024

const kindsByMediaType: Readonly<Record<string, PartKind>> = {
  model: 'weights',
  tensor: 'weights',
  embed: 'weights',
  adapter: 'adapter',
  projector: 'projector',
  draft: 'draft',
  template: 'template',
  prompt: 'template',
  system: 'system',
  params: 'parameters',
  messages: 'messages',
  license: 'license',
}

/** Files of an Ollama. */
export class OllamaStore {
  readonly #root: string

  /** @param folder `OLLAMA_MODELS`, or the folder `blobs` in it. @throws Error if it is neither */
  constructor(folder: string) {
    const root = basename(folder) === 'blobs' ? dirname(folder) : folder
    for (const name of ['manifests', 'blobs'])
      if (!statSync(join(root, name), { throwIfNoEntry: false })?.isDirectory())
        throw new Error(`${folder} is no folder of an Ollama: there is no ${join(root, name)}`)
    this.#root = root
  }

  /** Reads the manifest of a model; undefined if there is none. @param model canonical @throws Error */
  manifestOf(model: string): DiskManifest | undefined {
    const name = parseModel(model)
    const path = name && this.#pathOf([name.host, name.namespace, name.model, name.tag])
    if (path === undefined) return undefined
    if (statSync(path).size > maxManifestBytes) throw new Error(`the manifest of ${model} is too large`)
    const bytes = readFileSync(path)
    const value = tryJson(bytes.toString())
    if (!isObject(value) || !Array.isArray(value.layers))
      throw new Error(`the manifest of ${model} is not JSON with a list of layers`)
    return { digest: sha256Of(bytes), layers: [value.config, ...value.layers].flatMap(layerIn) }
  }

  /**
   * Hashes the layers again. @param onBytes told of progress
   * @returns those whose bytes are not what they should be @throws what `fs` throws
   */
  async badLayers(
    { layers }: DiskManifest,
    onBytes: (bytes: number) => void,
    known: Map<string, string>,
  ): Promise<readonly BadLayer[]> {
    const bad: BadLayer[] = []
    for (const layer of layers) {
      const same = layers.filter(({ kind }) => kind === layer.kind)
      const actual = known.get(layer.digest) ?? (await this.#hashOf(layer, onBytes))
      if (actual !== undefined) known.set(layer.digest, actual)
      if (actual !== layer.digest)
        bad.push({ ...layer, actual, index: same.indexOf(layer) + 1, of: same.length })
    }
    return bad
  }

  /** Returns the path of a blob; undefined if there is none. A link may lead to another disk: its bytes are what counts. */
  blobOf(digest: string): string | undefined {
    const path = join(this.#root, 'blobs', `sha256-${digest}`)
    return statSync(path, { throwIfNoEntry: false })?.isFile() ? path : undefined
  }

  async #hashOf({ digest }: Layer, onBytes: (bytes: number) => void): Promise<string | undefined> {
    const path = this.blobOf(digest)
    return path === undefined ? undefined : (await hashFile(path, onBytes)).sha256
  }

  /** Names are compared without regard to case, as Ollama does; two that differ in nothing else are ambiguous. */
  #pathOf(steps: readonly string[]): string | undefined {
    let path = join(this.#root, 'manifests')
    for (const step of steps) {
      const found = readdirSync(path).filter((entry) => entry.toLowerCase() === step)
      if (found.length > 1) throw new Error(`${path} has ${found.join(' and ')}, which are the same name`)
      const [entry] = found
      if (entry === undefined) return undefined
      path = join(path, entry)
    }
    return path
  }
}

function layerIn(value: JsonValue | undefined): Layer[] {
  if (!isObject(value)) return []
  const digest = digestOf(value.digest)
  const [, name = ''] = /^application\/vnd\.ollama\.image\.([a-z]+)/.exec(String(value.mediaType)) ?? []
  const size = typeof value.size === 'number' ? value.size : 0
  // The configuration names renderer, parser and family.
  return digest === undefined ? [] : [{ kind: kindsByMediaType[name] ?? 'parser', digest, size }]
}

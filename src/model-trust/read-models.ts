/** Reads what the model servers of a policy serve, and what of it lies on disk; what cannot be told apart is said to be so. */
import type { ServerKind } from '../core/servers.ts'
import type { Difference, DifferenceKind, Served } from './compare.ts'
import { ggufMetadata } from './on-disk/gguf.ts'
import { readLocalAiModel } from './on-disk/localai-files.ts'
import type { BadLayer, OllamaStore } from './on-disk/ollama-store.ts'
import { contentsAtOllama, listOllama } from './served/ollama.ts'
import { listNames } from './served/plain-list.ts'
import type { AskServer, Contents, ServedModel } from './served/served.ts'

/** A model server to be read. */
export interface Server {
  readonly name: string
  readonly kind: ServerKind
  readonly ask: AskServer
}

/** Something that cannot be compared; `model` is null where it is a whole server. */
export interface Unverified {
  readonly model: string | null
  readonly upstream: string
  readonly why: string
}

/** What the servers serve. */
export interface Reading {
  readonly served: readonly Served[]
  /** Servers that did not tell. */
  readonly silent: readonly Unverified[]
}

/** Reads lists and contents. @param isWanted whose contents are asked for */
export async function readModels(
  servers: readonly Server[],
  isWanted: (model: ServedModel) => boolean,
): Promise<Reading> {
  const served: Served[] = []
  const silent: Unverified[] = []
  for (const { name, kind, ask } of servers) {
    const listed = await listAt(ask, name, kind)
    if (typeof listed === 'string') silent.push({ model: null, upstream: name, why: listed })
    else
      for (const model of listed)
        served.push({ model, contents: isWanted(model) ? await contentsAt(ask, model) : undefined })
  }
  return { served, silent }
}

async function listAt(ask: AskServer, name: string, kind: ServerKind) {
  try {
    const list = await (kind === 'ollama' ? listOllama(ask, name) : listNames(ask, name, kind))
    return list ?? 'its list of models cannot be read'
  } catch {
    return 'it does not answer'
  }
}

async function contentsAt(
  ask: AskServer,
  { kind, name, remote }: ServedModel,
): Promise<Contents | undefined> {
  if (kind !== 'ollama' || remote) return undefined
  // Without it the digests are compared, and no part is named.
  return contentsAtOllama(ask, name).catch(() => undefined)
}

/** Why the versions of a model cannot be told apart; undefined: they can. */
export function whyUnverifiable({ model }: Served): string | undefined {
  if (model.kind === 'ollama' || model.digest !== undefined) return undefined
  return model.kind === 'localai'
    ? 'LocalAI tells no digest of a model: give the folder of its models with --files'
    : 'a server of the kind `openai` tells nothing of a model but its name: it cannot be verified'
}

/** What was found by hashing. */
export interface Hashed {
  readonly served: Served
  readonly differences: readonly Difference[]
}

/**
 * Hashes what an Ollama has on disk of a model.
 * @param known digests of blobs that were hashed already, which several models may share
 * @throws Error that names what cannot be read
 */
export async function hashOllama(
  store: OllamaStore,
  served: Served,
  known: Map<string, string>,
  onBytes: (bytes: number) => void,
): Promise<Hashed> {
  const { model, contents } = served
  const of = (kind: DifferenceKind, was: string | null, is: string | null, what: string): Difference => ({
    ...{ model: model.name, upstream: model.upstream, kind, was, is, what },
  })
  const manifest = store.manifestOf(model.name)
  if (!manifest)
    return { served, differences: [of('digest', model.digest ?? null, null, 'no manifest on disk')] }
  const differences: Difference[] = []
  if (manifest.digest !== model.digest)
    differences.push(
      of(
        'digest',
        model.digest ?? null,
        manifest.digest,
        'the manifest on disk is not the one that is served',
      ),
    )
  for (const bad of await store.badLayers(manifest, onBytes, known))
    differences.push(of(kindOf(bad), bad.digest, bad.actual ?? null, sayOf(bad)))
  const weights = manifest.layers.find(({ kind }) => kind === 'weights')
  const path = weights && store.blobOf(weights.digest)
  if (path === undefined || contents === undefined) return { served, differences }
  const metadata = { ...contents.metadata, ...(await ggufMetadata(path)) }
  return { served: { model, contents: { ...contents, metadata } }, differences }
}

function kindOf({ kind }: BadLayer): DifferenceKind {
  if (kind === 'template' || kind === 'system' || kind === 'parameters' || kind === 'adapter') return kind
  return kind === 'weights' || kind === 'projector' || kind === 'draft' ? 'weights' : 'digest'
}

function sayOf({ kind, index, of, actual }: BadLayer): string {
  const place = of > 1 || kind === 'weights' ? `${kind}: layer ${index} of ${of}` : kind
  return actual === undefined
    ? `${place} is not on disk`
    : `${place} differs: its bytes are not those of its digest`
}

/** Reads and hashes the files of a LocalAI model. @throws Error that names what is wrong */
export async function hashLocalAi(
  folder: string,
  { model }: Served,
  onBytes: (bytes: number) => void,
): Promise<Served | undefined> {
  const found = await readLocalAiModel(folder, model.name, onBytes)
  if (!found) return undefined
  const metadata = found.weights === undefined ? {} : await ggufMetadata(found.weights)
  return {
    model: { ...model, digest: found.digest, size: found.size },
    contents: { parts: found.parts, metadata },
  }
}

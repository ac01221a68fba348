/** What the commands about models share: the servers of the policy, what they serve, and what lies on disk. */

import { resolve } from 'node:path'
import { HeldBytes } from '../../core/held-bytes.ts'
import { plain } from '../../core/plain.ts'
import { memoryBudget } from '../../files/memory.ts'
import { createUpstreamClient } from '../../http/upstream-client.ts'
import type { Difference, Served } from '../../model-trust/compare.ts'
import { OllamaStore } from '../../model-trust/on-disk/ollama-store.ts'
import {
  hashLocalAi,
  hashOllama,
  type Reading,
  readModels,
  type Server,
  type Unverified,
  whyUnverifiable,
} from '../../model-trust/read-models.ts'
import type { ServedModel } from '../../model-trust/served/served.ts'
import type { Policy } from '../../policy/policy.ts'
import { type Io, type Option, textOf, UsageError, type Values } from '../command.ts'
import { byteProgress } from '../shared/byte-progress.ts'
import { upstreamsOf } from './policy.ts'

/** The options of commands that read model servers. */
export const readOptions: readonly Option[] = [
  { flags: '--blobs <dir>', description: 'also hash the files of Ollama: its OLLAMA_MODELS folder' },
  { flags: '--files <dir>', description: 'hash the files of LocalAI: its folder of models' },
  { flags: '--upstream <name>', description: 'only this model server of the policy' },
]

/** An Ollama with a thousand models takes seconds. */
const withinMs = 30_000

/** What was read, with what hashing has found. */
export interface Read extends Reading {
  /** Bytes on disk that are not what they should be. */
  readonly badBytes: readonly Difference[]
  /** Models whose versions cannot be told apart. */
  readonly unverifiable: readonly Unverified[]
  /** Whether the bytes of a model were hashed. */
  isHashed(model: ServedModel): boolean
}

/**
 * Reads what the servers of the policy serve, and hashes what lies on disk if `--blobs` or `--files` say where.
 * @param isWanted whose contents are read and hashed
 * @throws UsageError, or an Error that says what cannot be read
 */
export async function readServers(
  policy: Policy,
  values: Values,
  io: Io,
  isWanted: (model: ServedModel) => boolean,
): Promise<Read> {
  const client = createUpstreamClient(() => policy, new HeldBytes(() => memoryBudget(io.constrainedMemory)))
  try {
    const servers = upstreamsOf(policy, textOf(values, 'upstream')).map(
      (upstream): Server => ({
        name: upstream.name,
        kind: upstream.kind,
        async ask(path, question) {
          const { status, body } = await client.ask(upstream, path, withinMs, question)
          return status === 200 ? body : undefined
        },
      }),
    )
    const { served, silent } = await readModels(servers, isWanted)
    return { silent, ...(await hashed(served, values, io, isWanted)) }
  } finally {
    await client.close()
  }
}

/** Hashes what is wanted; the rest is passed on as the servers tell it. */
async function hashed(
  served: readonly Served[],
  values: Values,
  io: Io,
  isWanted: (model: ServedModel) => boolean,
): Promise<Omit<Read, 'silent'>> {
  const store = folderOf(values, 'blobs', (folder) => new OllamaStore(folder))
  const files = folderOf(values, 'files', (folder) => folder)
  const wanted = served.filter(({ model }) => isWanted(model) && !model.remote)
  const sizes = store ? wanted.map(({ model }) => (model.kind === 'ollama' ? (model.size ?? 0) : 0)) : []
  const progress = byteProgress(io, files === undefined ? sizes.reduce((sum, size) => sum + size, 0) : 0)
  const known = new Map<string, string>()
  const badBytes: Difference[] = []
  const done = new Set<ServedModel>()
  const all: Served[] = []
  try {
    for (const each of served) {
      const { model } = each
      let now = each
      if (wanted.includes(each) && model.kind === 'ollama' && store) {
        const found = await hashOllama(store, each, known, progress.add)
        badBytes.push(...found.differences)
        now = found.served
        done.add(now.model)
      } else if (wanted.includes(each) && model.kind === 'localai' && files !== undefined) {
        const found = await hashLocalAi(files, each, progress.add)
        now = found ?? each
        if (found) done.add(now.model)
      }
      all.push(now)
    }
  } finally {
    progress.end()
  }
  const unverifiable = all.flatMap((each): Unverified[] => {
    const why = whyUnverifiable(each)
    return why === undefined ? [] : [{ model: each.model.name, upstream: each.model.upstream, why }]
  })
  return { served: all, badBytes, unverifiable, isHashed: (model) => done.has(model) }
}

function folderOf<T>(values: Values, option: string, open: (folder: string) => T): T | undefined {
  const folder = textOf(values, option)
  if (folder === '') return undefined
  try {
    return open(resolve(folder))
  } catch (error) {
    throw new UsageError(`--${option}: ${(error as Error).message}.`)
  }
}

/** One line a difference, as `verify` and `diff` print it. */
export function lineOf({ model, upstream, what, was, is }: Difference): string {
  const digests = [was, is].map((digest) => (digest === null ? 'none' : digest.slice(0, 12))).join(' -> ')
  return `${plain(`${model} (${upstream}): ${what} [${digests}]`)}\n`
}

/** One line for what cannot be compared. */
export function unverifiedLine({ model, upstream, why }: Unverified): string {
  return `${plain(`${model === null ? upstream : `${model} (${upstream})`}: ${why}`)}\n`
}

/** Says that a model was not found. @param silent the servers that did not answer, of which nothing is known */
export function noServerHas(model: string, silent: readonly Unverified[]): string {
  return silent.length === 0 ? `No model server has ${model}.` : `No model server that answers has ${model}.`
}

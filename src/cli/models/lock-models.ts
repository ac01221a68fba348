/** How `lock` and `accept` write models into the lock file. */
import type { Difference, Served } from '../../model-trust/compare.ts'
import type { Acceptance, Lock, LockedModel } from '../../model-trust/lock/lock.ts'
import { presentIn } from '../../model-trust/served/served.ts'
import type { ExitCode, Io, Values } from '../command.ts'
import { awaitReload } from '../shared/await-reload.ts'
import type { Read } from './read.ts'

/** Makes the entry of a model that a server serves. @throws Error if it cannot be told apart from others */
export function entryOf({ model, contents }: Served, isHashed: boolean, accepted?: Acceptance): LockedModel {
  const { name, kind, upstream, digest, loaded: _loaded, remote: _remote, ...told } = model
  if (digest === undefined) throw new Error(`${name} (${upstream}): the server tells no digest`)
  const { parts = [], metadata = {}, ...facts } = contents ?? {}
  return {
    ...{ name, kind, upstream, digest, parts },
    ...told,
    ...facts,
    ...presentIn<Pick<LockedModel, 'hashed' | 'accepted'>>({ hashed: isHashed || undefined, accepted }),
    ...(Object.keys(metadata).length > 0 ? { metadata } : {}),
    locked: new Date().toISOString(),
  }
}

/** One entry for each version: servers with the same digest share one. */
export function entriesOf(
  served: readonly Served[],
  read: Read,
  accepted?: Acceptance,
): readonly LockedModel[] {
  const entries: LockedModel[] = []
  for (const each of served) {
    const { name, kind, digest } = each.model
    const isThere = entries.some(
      (entry) => entry.name === name && entry.kind === kind && entry.digest === digest,
    )
    if (!isThere) entries.push(entryOf(each, read.isHashed(each.model), accepted))
  }
  return entries
}

/** Puts entries in the place of those of the same models at the same servers. */
export function withEntries({ models }: Lock, entries: readonly LockedModel[]): Lock {
  const isReplaced = (old: LockedModel) =>
    entries.some(
      ({ name, kind, upstream }) => name === old.name && kind === old.kind && upstream === old.upstream,
    )
  return { models: [...models.filter((old) => !isReplaced(old)), ...entries] }
}

/** Bytes on disk that are not what the server says must not be locked. @throws Error */
export function requireGoodBytes(badBytes: readonly Difference[]): void {
  const [bad] = badBytes
  if (bad) throw new Error(`${bad.model} (${bad.upstream}): ${bad.what}. Nothing was locked.`)
}

/** Waits until a running gateway has read the lock file. @returns 1 if it has not in time */
export async function awaitLock(values: Values, io: Io, file: string): Promise<ExitCode> {
  return (await awaitReload(values, io, 'lock', file)) === 'late' ? 1 : 0
}

/** The form of `models lock --json`, and of `accept` and `unlock`. */
export function lockView(entries: readonly LockedModel[]) {
  return {
    models: entries.map(({ name, upstream, digest, parts }) => ({
      ...{ name, upstream, digest },
      parts: parts.map(({ kind, sha256 }) => ({ kind, sha256 })),
    })),
  }
}

/** Leaves out which version is in memory: locking looks only at what is stored. */
export function asStored(served: readonly Served[]): readonly Served[] {
  return served.map(({ model, contents }) => ({ model: { ...model, loaded: undefined }, contents }))
}

/** One line for a model of which only the digest is known: a lock without its parts would name none that changes. */
export function untoldLine({ model: { name, upstream } }: Served): string {
  return `${name} (${upstream}): the server does not tell what the model consists of\n`
}

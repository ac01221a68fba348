/**
 * Filters that match nothing: an empty answer must not look like a quiet night when it was a typing error. What a filter
 * could have meant is learnt from the records that were read, and from what the caller knows besides.
 */
import { nearest } from '../../policy/problem.ts'
import type { Entry } from '../write/entry.ts'
import { type Filter, filters, isLike, namesIn, type Query } from './query.ts'

/** Finds the filters of a query that no record matches. */
export interface UnmatchedFilters {
  /** Of every record that was read, whether it fits or not. */
  see(entry: Entry): void
  /** @returns what is to be said of each filter that no record matches, and that is no name of `known` */
  told(known: Known): Told[]
}

/** Names that are known apart from the log, by the filter that may ask for them. */
export type Known = Readonly<Partial<Record<Filter, readonly string[]>>>

/** What a person is told of a filter that nothing matches. */
export interface Told {
  readonly sentence: string
  /** It can hardly be meant: what it names is not there, and something like it is, or all that there is is known. */
  readonly isMistake: boolean
}

/** Of which every name is known, or in the log. */
const closed: ReadonlySet<Filter> = new Set(['outcome', 'identity'])

/** Names of each kind; there are few of any but ids, of which none is suggested. */
const maxNames = 1000
const maxSuggestions = 3

/** Has seen no record yet. */
export function createUnmatchedFilters(query: Query): UnmatchedFilters {
  const open = new Map<Filter, Set<string>>()
  for (const filter of filters) if (query[filter] !== undefined) open.set(filter, new Set())
  return {
    see(entry) {
      for (const [filter, seen] of open) {
        const names = namesIn(entry, filter)
        if (names.some((name) => isLike(query[filter] ?? '', name))) open.delete(filter)
        else if (filter !== 'id') for (const name of names) if (seen.size < maxNames) seen.add(name)
      }
    },
    told(known) {
      return [...open].flatMap(([filter, seen]) => {
        const wanted = query[filter] ?? ''
        const others = known[filter] ?? []
        if (filter === 'finding' && wanted === 'any') return []
        if (others.some((name) => isLike(wanted, name))) return []
        const meant = suggestions(wanted, [...seen, ...others])
        const hint = meant.length === 0 ? '' : ` (did you mean ${meant.join(' or ')}?)`
        const isMistake = hint !== '' || closed.has(filter)
        return [{ sentence: `no record has the ${filter} ${wanted}${hint}`, isMistake }]
      })
    },
  }
}

/** What goes on as the word begins, or else what is nearest. */
function suggestions(wanted: string, names: readonly string[]): string[] {
  const word = wanted.replaceAll('*', '')
  const longer = new Set(names.filter((name) => word !== '' && name.startsWith(word)))
  const meant = longer.size > 0 ? [...longer].slice(0, maxSuggestions) : [nearest(word, names) ?? []].flat()
  return meant.map((name) => `\`${name}\``)
}

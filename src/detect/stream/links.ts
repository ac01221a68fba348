/**
 * Links and pictures that carry data to a host the policy does not name: what an injected instruction makes a model
 * write so that whoever reads the answer sends a secret away. A picture is loaded unasked, so that any query is too much
 * for it; a link is followed by somebody, so that short queries pass.
 *
 * Read as Markdown and HTML read them: inline, by reference, in angle brackets, bare, in attributes and styles, with
 * either slash or, behind a scheme, with fewer. Not seen through: addresses written as HTML entities, with tabs or line
 * ends between their slashes, or below a `<base>`, and what a fragment (`#…`) or a host of letters alone says.
 */
import type { Match, StreamDetector } from './stream-detector.ts'

/** Code units of an address that may wait for its end; a longer one carries data whatever it says. */
const maxLength = 256
/** Of what stands in front of one. */
const maxLeadLength = 200
/** What ends an address. */
const end = /[\s"'<>`)\]|\p{Cc}]/u
const endAll = /[\s"'<>`)\]|\p{Cc}]/gu
/** What two slashes must follow to be an address of the web: a scheme, or where the address of a link begins. */
const scheme = '(?:https?|ftp|wss?):'
const attributes = 'src|href|action|background|poster|data|ping|cite|manifest|url'
const place = String.raw`(?:\]\(\s{0,3}<?|\]:\s{0,8}<?|(?:${attributes})\s{0,5}=\s{0,5}["']?|srcset\s{0,5}=\s{0,5}["']?(?:[^"'<>]{0,160},)?\s{0,5}|(?:url|image-set)\(\s{0,5}["']?|@import\s{1,5}["']?)`
const lead = `(?:${scheme}|${place})`
/** With a scheme, browsers need no slashes; there it is only an address where one is expected. */
const opening = new RegExp(String.raw`${lead}[\\/]{2}|${place}${scheme}[\\/]?(?![\\/\s])`, 'gi')
const openingAtEnd = new RegExp(`${lead}$`, 'i')
const fewSlashes = new RegExp(`${scheme}(?![\\\\/]{2})\\S`, 'i')
const fewSlashesAtEnd = new RegExp(
  String.raw`${place}${scheme}[\\/]?((?![\\/])[^\s"'<>\x60)\]|\p{Cc}]{0,${maxLength + 1}})$`,
  'iu',
)
/** What a browser loads without being asked, directly before an address. */
const loadedBefore =
  /(?:!\[[^\]]{0,200}\]\(\s{0,3}<?|^\s{0,3}\[[^\]\n]{1,100}\]:\s{0,3}<?|<(?:img|image|iframe|script|link|video|audio|source|track|embed|object|input|frame|use|body|meta)\b[^>]{0,200}|(?:url|image-set)\(\s{0,5}["']?|@import\s{1,5}["']?)(?:[a-z][a-z0-9+.-]{0,19}:)?$/im

const linkedBefore = /\]\(\s{0,3}<?(?:[a-z]+:)?$/i

/** Makes a detector of links that carry data to other hosts than the allowed ones. */
export function createLinks(allowed: readonly string[]): StreamDetector {
  const hosts = allowed.map((host) => host.toLowerCase())
  const isAllowed = (host: string) =>
    hosts.some((each) => (each.startsWith('*.') ? host.endsWith(each.slice(1)) : host === each))

  return {
    hold(text, from) {
      const address = addressAtEnd(text)
      if (address === -1) return text.length
      const host = hostOf(text.slice(address))
      if (host.complete && isAllowed(host.name)) return text.length
      // Of one that is about to begin, its last slash: what is held is looked at again.
      return Math.max(from, Math.min(address, text.length - 1))
    },
    find(text, from) {
      if (!text.includes('//') && !/[\\/]\\|\\\//.test(text) && !fewSlashes.test(text)) return []
      const found: Match[] = []
      let stop = 0
      opening.lastIndex = 0
      for (let match = opening.exec(text); match; match = opening.exec(text)) {
        const start = opening.lastIndex
        // Of addresses within one another all end where the first does.
        if (start >= stop) {
          endAll.lastIndex = start
          stop = endAll.exec(text)?.index ?? text.length
        }
        if (stop <= from) continue
        const address = text.slice(start, stop)
        if (isAllowed(hostOf(address).name)) continue
        const slashes = /[\\/]*$/.exec(match[0])?.[0].length ?? 0
        const before = text.slice(Math.max(0, start - maxLength), start - slashes)
        const loaded = loadedBefore.test(before)
        if (!carriesData(address, loaded, linkedBefore.test(before))) continue
        const type = loaded ? 'image' : 'link'
        found.push({ start, end: stop, guard: 'links', type, put: '[redacted:link]', ends: endOfAddress })
        opening.lastIndex = stop
      }
      return found
    },
  }
}

/** Where the address begins that is being written at the end, or -1. */
function addressAtEnd(text: string): number {
  const slashes = lastSlashes(text)
  const address = slashes + 2
  const isOpen = slashes !== -1 && !end.test(text.slice(address))
  if (isOpen && openingAtEnd.test(text.slice(Math.max(0, slashes - maxLeadLength), slashes))) return address
  if (end.test(text.slice(text.lastIndexOf(':') + 1))) return -1
  const few = fewSlashesAtEnd.exec(text.slice(-2 * maxLength))
  return few ? text.length - (few[1]?.length ?? 0) : -1
}

/** Where the last two slashes stand, in either direction, or -1. */
function lastSlashes(text: string): number {
  for (let at = text.length - 2; at >= 0; at--)
    if (isSlash(text.charCodeAt(at)) && isSlash(text.charCodeAt(at + 1))) return at
  return -1
}

function isSlash(unit: number): boolean {
  return unit === 0x2f || unit === 0x5c
}

function endOfAddress(text: string): number {
  return text.search(end)
}

/** The host, without user and port, as far as it is written. */
function hostOf(address: string): { readonly name: string; readonly complete: boolean } {
  const stop = address.search(/[/?#\\]/)
  const authority = (stop === -1 ? address : address.slice(0, stop)).toLowerCase()
  const name = authority
    .slice(authority.lastIndexOf('@') + 1)
    .replace(/:\d*$/, '')
    .replace(/\.$/, '')
  return { name, complete: stop !== -1 }
}

/** Characters of a query that a bare address, or a link somebody must follow, may have. */
const maxBare = 48
const maxLinked = 24
/** A part of a path, or a label of a host, that is no word: as long as sixteen bytes in base64. */
const code = /(?=[\w=%+-]*\d)(?=[\w=%+-]*[A-Za-z])[\w=%+-]{24,}|[A-Za-z0-9+_-]{40,}={0,2}/

function carriesData(address: string, loaded: boolean, linked: boolean): boolean {
  if (address.length > maxLength) return true
  const [path = '', query = ''] = address.replace(/#.*$/s, '').split(/\?(.*)/s, 2)
  const host = path.split(/[/\\]/, 1)[0] ?? ''
  if (host.includes('@') || host.length > 100) return true
  if (query.length > (loaded ? 0 : linked ? maxLinked : maxBare)) return true
  return loaded ? code.test(path) || path.length > 128 : /[\w%+-]*%[\w%+-]{48,}/.test(path) || longCode(path)
}

/** A link's path may hold ids and hashes (commits, builds), but no more than those. */
function longCode(path: string): boolean {
  return path.split(/[/.\\]/).some((part) => part.length > 64 && code.test(part))
}

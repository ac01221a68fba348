/**
 * The alternative names of a certificate, from the line in which Node writes them. A name may itself hold `, URI:…`
 * (CVE-2021-44532); Node then writes it as a JSON string, and what is between the quotes stays one name here. A line
 * that is anything but what Node writes has no names at all.
 */
export interface AlternativeNames {
  /** Lower case. */
  readonly dns: readonly string[]
  readonly uris: readonly string[]
}

const none: AlternativeNames = { dns: [], uris: [] }
const quoted = /"(?:[^"\\]|\\.)*"/y
const plain = /[^",]*/y

/** Reads the DNS names and URIs in what Node gives as `subjectaltname`. Of a line that cannot be read, none. */
export function alternativeNames(line: string | undefined): AlternativeNames {
  if (line === undefined || line === '') return none
  const dns: string[] = []
  const uris: string[] = []
  let at = 0
  while (at < line.length) {
    const colon = line.indexOf(':', at)
    if (colon === -1) return none
    const type = line.slice(at, colon)
    if (!/^[A-Za-z ]+$/.test(type)) return none
    const isQuoted = line[colon + 1] === '"'
    const form = isQuoted ? quoted : plain
    form.lastIndex = colon + 1
    const written = form.exec(line)?.[0]
    const name = isQuoted ? unquoted(written) : written
    if (name === undefined) return none
    if (type === 'DNS') dns.push(name.toLowerCase())
    if (type === 'URI') uris.push(name)
    at = colon + 1 + (written ?? '').length
    if (at === line.length) break
    if (!line.startsWith(', ', at)) return none
    at += 2
  }
  return { dns, uris }
}

function unquoted(written: string | undefined): string | undefined {
  try {
    const name: unknown = JSON.parse(written ?? '')
    return typeof name === 'string' ? name : undefined
  } catch {
    return undefined
  }
}

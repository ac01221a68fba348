/** What a person should look at twice in the arguments of a tool call. It points out and judges nothing. */

/** Something odd, and where: the path of the argument, such as `to[0].url`. */
export interface Oddity {
  readonly kind: 'long' | 'url' | 'otherHost' | 'invisible' | 'encoded' | 'command' | 'path' | 'address'
  readonly at: string
  /** The host of a URL, or a number of characters. */
  readonly detail: string
}

/** An argument that is no object or list, with its path. */
export interface Leaf {
  readonly at: string
  readonly value: string
  /** Whether it is a string, and not a number, a truth value or null. */
  readonly isText: boolean
}

const longText = 400
const maxLeaves = 500
const urls = /\b[a-z][a-z0-9+.-]{1,20}:\/\/[^\s"'<>\\]{1,2000}/gi
const invisible = /[\p{Cf}\p{Co}\p{Cn}]|(?![\n\r\t])\p{Cc}/u
const encoded = /[A-Za-z0-9+/_-]{80,}={0,2}/
const command =
  /\b(?:curl|wget|nc|bash|sh|powershell|eval|chmod|rm\s+-rf|sudo)\b[^\n]{0,200}|\$\(|`[^`]+`|\|\s*\w+/
const path = /(?:^|[\s"'=])(?:~\/|\/(?:etc|root|home|proc|var|usr)\/|\.\.\/|[A-Za-z]:\\)/
const numericHost = /^(?:\d{1,3}(?:\.\d{1,3}){3}|\[.*\])(?::\d+)?$/

/** Lays arguments out, a line for each value. @returns undefined if they are no JSON */
export function leavesOf(text: string): readonly Leaf[] | undefined {
  try {
    const leaves: Leaf[] = []
    collect(JSON.parse(text), '', leaves)
    return leaves
  } catch {
    return undefined
  }
}

/** Points out what is odd in arguments. */
export function odditiesOf(leaves: readonly Leaf[]): readonly Oddity[] {
  const hosts = leaves.flatMap(({ value }) => hostsIn(value))
  const [usual] = hosts
  return leaves.filter(({ isText }) => isText).flatMap((leaf) => odditiesIn(leaf, usual))
}

function odditiesIn({ at, value }: Leaf, usualHost: string | undefined): Oddity[] {
  const found: Oddity[] = []
  const add = (kind: Oddity['kind'], detail = '') => found.push({ kind, at, detail })
  if (value.length > longText) add('long', String(value.length))
  for (const host of new Set(hostsIn(value))) {
    add('url', host)
    if (numericHost.test(host) || host.includes('xn--')) add('address', host)
    if (host !== usualHost) add('otherHost', host)
  }
  if (invisible.test(value)) add('invisible')
  if (encoded.test(value)) add('encoded')
  if (command.test(value)) add('command')
  if (path.test(value)) add('path')
  return found
}

function hostsIn(text: string): string[] {
  return (text.match(urls) ?? []).flatMap((url) => {
    const host = URL.canParse(url) ? new URL(url).host : ''
    return host === '' ? [] : [host]
  })
}

function collect(value: unknown, at: string, leaves: Leaf[]): void {
  if (leaves.length >= maxLeaves) return
  if (Array.isArray(value) && value.length > 0)
    for (const [index, each] of value.entries()) collect(each, `${at}[${index}]`, leaves)
  else if (typeof value === 'object' && value !== null && Object.keys(value).length > 0)
    for (const [name, each] of Object.entries(value))
      collect(each, at === '' ? name : `${at}.${name}`, leaves)
  else
    leaves.push({
      at,
      isText: typeof value === 'string',
      value: typeof value === 'string' ? value : JSON.stringify(value),
    })
}

/** Why a text is not the URL that is wanted, told by its true cause, with what to write instead. */

interface Wanted {
  /** Such as `http:`. */
  readonly schemes: readonly string[]
  /** Whether the message may repeat it: not if it may hold a password. */
  readonly isShown: boolean
}

/** @returns what goes behind the name of the key; undefined if it is such a URL */
export function urlFault(text: string, { schemes, isShown }: Wanted): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url && schemes.includes(url.protocol))
    return url.hostname === '' && url.protocol !== 'stdout:' ? 'has no host' : undefined
  const begins = schemes.map((scheme) => (scheme === 'stdout:' ? scheme : `${scheme}//`)).join(' or ')
  const [, , port] = /^(?:[a-z+]+:\/\/)?(?:[^/@]*@)?(\[[^\]]*\]|[^:/]*):(\d+)(?:[/?#]|$)/i.exec(text) ?? []
  if (port !== undefined && Number(port) > 65_535) return `has a port above 65535: ${port}`
  if (/\s/.test(text)) return 'contains a space: remove it'
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) {
    const isHost = isShown && /^[\w.-]+(?::\d+)?(?:\/|$)/.test(text)
    return `must start with ${begins}${isHost ? `: write ${schemes[0]}//${text}` : ''}`
  }
  const [, scheme = ''] = /^([a-z][a-z0-9+.-]*:)\/\//i.exec(text) ?? []
  if (!schemes.includes(scheme.toLowerCase())) return `must start with ${begins}, not ${scheme}//`
  return 'is not a URL: the host, or the part before it, is malformed'
}

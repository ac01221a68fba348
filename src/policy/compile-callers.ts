/** Who else than a key's holder may come: rules for client certificates, and issuers of tokens. */
import { isLoopback } from './address.ts'
import type { CertificateRule } from './policy.ts'
import type { Config } from './schema/schema.ts'
import type { Path, Report } from './source.ts'

const kinds = ['cn', 'dns', 'uri', 'fingerprint'] as const

export function compileCertificates(config: Config, report: Report): CertificateRule[] {
  return config.certificates.flatMap(({ match, name, role }, index) => {
    const path = ['certificates', index]
    if (!Object.hasOwn(config.roles, role))
      report([...path, 'role'], `names a role that does not exist: ${role}`)
    const named = kinds.flatMap((kind) => {
      const text = match[kind]
      return text === undefined ? [] : [{ kind, text }]
    })
    const [only] = named
    if (only === undefined || named.length > 1) {
      report([...path, 'match'], 'needs exactly one of cn, dns, uri, fingerprint')
      return []
    }
    const pattern = patternOf(only.kind, only.text, [...path, 'match', only.kind], report)
    return [{ kind: only.kind, pattern, name, role }]
  })
}

function patternOf(kind: CertificateRule['kind'], text: string, path: Path, report: Report): string {
  if (kind === 'cn') return text
  if (kind === 'dns') return text.toLowerCase()
  if (kind === 'uri') {
    // A stranger's trust domain must not match because it is spelled like ours.
    if (!/^[A-Za-z][A-Za-z0-9+.-]*:[^*]*$/.test(text) && !/^[A-Za-z][A-Za-z0-9+.-]*:\/\/[^/*]+\//.test(text))
      report(path, 'must be a URI, with `*` in its path only')
    return text
  }
  const digits = text.replaceAll(':', '').toLowerCase()
  if (!/^[0-9a-f]{64}$/.test(digits)) report(path, 'must be a SHA-256, 64 hex digits')
  return digits
}

export function checkIssuers(config: Config, report: Report): void {
  for (const [index, issuer] of config.jwt.entries()) {
    const path = ['jwt', index]
    if ((issuer.jwksUrl === undefined) === (issuer.publicKey === undefined))
      report(path, 'needs either `jwksUrl` or `publicKey`')
    if ((issuer.role === undefined) === (issuer.roleClaim === undefined))
      report(path, 'needs either `role` or `roleClaim`')
    const url = issuer.jwksUrl
    if (
      url !== undefined &&
      !/^https:\/\//.test(url) &&
      !(URL.canParse(url) && isLoopback(new URL(url).hostname))
    )
      report([...path, 'jwksUrl'], 'must be https, or http on loopback')
    if (issuer.role !== undefined && !Object.hasOwn(config.roles, issuer.role))
      report([...path, 'role'], `names a role that does not exist: ${issuer.role}`)
  }
}

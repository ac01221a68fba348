/** Who else than a key's holder may come: rules for client certificates, and issuers of tokens. */
import { createPublicKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseDuration } from '../core/units.ts'
import { mayBringKeys } from './address.ts'
import type { CertificateRule, TokenIssuer } from './callers.ts'
import { isReadable } from './readable.ts'
import type { Config } from './schema/schema.ts'
import type { Path, Report } from './source.ts'
import { urlFault } from './url-fault.ts'

type IssuerConfig = Config['jwt'][number]

const kinds = ['cn', 'dns', 'uri', 'fingerprint'] as const

/** Compiles `certificates`. Reports rules that match nothing, or name no role. */
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
      report(path, 'must be a URI with `*` in its path only')
    return text
  }
  const digits = text.replaceAll(':', '').toLowerCase()
  if (!/^[0-9a-f]{64}$/.test(digits)) report(path, 'must be a SHA-256 of 64 hex digits')
  return digits
}

/** Compiles `jwt`. Reports issuers whose keys or roles cannot be determined. */
export function compileIssuers(config: Config, folder: string, report: Report): TokenIssuer[] {
  return config.jwt.map((issuer, index) => {
    const path = ['jwt', index]
    const file = (key: 'publicKey' | 'ca') => {
      const at = issuer[key] && resolve(folder, issuer[key])
      if (at !== undefined && !isReadable(at)) report([...path, key], `cannot be read: ${issuer[key]}`)
      return at
    }
    const publicKey = file('publicKey')
    const ca = file('ca')
    checkKeys(issuer, path, report)
    if (publicKey !== undefined && isReadable(publicKey) && !isPublicKey(publicKey))
      report([...path, 'publicKey'], 'contains no public key in PEM')
    checkRoles(issuer, config.roles, path, report)
    return {
      issuer: issuer.issuer,
      audience: issuer.audience,
      jwksUrl: issuer.jwksUrl,
      publicKey,
      ca: ca !== undefined && isReadable(ca) ? readFileSync(ca, 'utf8') : undefined,
      algorithms: issuer.algorithms,
      toleranceMs: parseDuration(issuer.clockTolerance) ?? 0,
      role: issuer.role,
      roleClaim: issuer.roleClaim,
      roles: Object.entries(issuer.roles),
    }
  })
}

function checkKeys({ issuer, jwksUrl, publicKey }: IssuerConfig, path: Path, report: Report): void {
  const isNowhere = jwksUrl === undefined && publicKey === undefined && !mayBringKeys(issuer)
  if (isNowhere || (jwksUrl !== undefined && publicKey !== undefined))
    report(path, 'needs either `jwksUrl` or `publicKey`, unless `issuer` is an https URL')
  if (jwksUrl !== undefined && !mayBringKeys(jwksUrl))
    report(
      [...path, 'jwksUrl'],
      urlFault(jwksUrl, { schemes: ['https:', 'http:'], isShown: true }) ??
        'must be https, or http on loopback',
    )
}

function checkRoles(issuer: IssuerConfig, known: Config['roles'], path: Path, report: Report): void {
  const { role, roleClaim, roles } = issuer
  if ((role === undefined) === (roleClaim === undefined)) report(path, 'needs either `role` or `roleClaim`')
  if (role !== undefined && Object.keys(roles).length > 0)
    report([...path, 'roles'], 'needs `roleClaim`, whose values it maps')
  const wanted: [Path, string][] = Object.entries(roles).map(([value, name]) => [['roles', value], name])
  if (role !== undefined) wanted.push([['role'], role])
  for (const [at, name] of wanted)
    if (!Object.hasOwn(known, name)) report([...path, ...at], `names a role that does not exist: ${name}`)
}

function isPublicKey(path: string): boolean {
  try {
    return createPublicKey(readFileSync(path)).asymmetricKeyType !== undefined
  } catch {
    return false
  }
}

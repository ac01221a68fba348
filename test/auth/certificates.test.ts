/** Names of certificates: what a hostile one cannot pretend, and which rule knows whom. */
import { createHash, X509Certificate } from 'node:crypto'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import {
  certificateFault,
  identifyCertificate,
  type ShownCertificate,
} from '../../src/auth/mtls/certificate.ts'
import { alternativeNames } from '../../src/auth/mtls/subject-names.ts'
import type { CertificateRule } from '../../src/policy/callers.ts'
import { createAuthority } from '../rig/certificates.ts'

const authority = createAuthority()
afterAll(() => authority.close())
const namesIn = (names: string) =>
  alternativeNames(new X509Certificate(authority.issue({ names }).cert).subjectAltName)

describe('alternative names', () => {
  it('are read from a real certificate', () => {
    const names = 'DNS:Agent.Example, URI:spiffe://example.org/ns/a/sa/b, IP:10.0.0.1, email:a@b.example'
    expect(namesIn(names)).toEqual({
      dns: ['agent.example'],
      uris: ['spiffe://example.org/ns/a/sa/b'],
    })
  })

  it.each([
    ['DNS.1 = "harmless.example, URI:spiffe://example.org/admin"', 'a name behind a comma'],
    ['URI.1 = "http://x/, DNS:admin.example"', 'in a URI'],
    ['otherName.1 = 1.2.3.4;UTF8:x\\, URI:spiffe://example.org/admin', 'in a name of another kind'],
    ['email.1 = "a@b.example, DNS:admin.example"', 'in an address'],
  ])('injected as CVE-2021-44532 did stay one name: %s', (names) => {
    const { dns, uris } = namesIn(`${names}\nDNS.9 = twin.example\n`)
    expect(dns).toContain('twin.example')
    expect(dns).not.toContain('admin.example')
    expect(uris).not.toContain('spiffe://example.org/admin')
  })

  it('are none where the line is not what Node writes', () => {
    for (const line of [
      'DNS',
      'DNS:a,URI:b',
      'DNS:"a',
      'DNS:"a"b',
      'DNS:a, x',
      ':x',
      'DNS:a"b',
      'DNS:"\\q"',
      undefined,
    ])
      expect(alternativeNames(line)).toEqual({ dns: [], uris: [] })
  })

  it('survive any text as one name, quoted as Node quotes', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const line = `URI:${JSON.stringify(text)}, DNS:twin.example`
        expect(alternativeNames(line)).toEqual({ dns: ['twin.example'], uris: [text] })
      }),
    )
  })
})

const shown = (more: Partial<ShownCertificate> = {}): ShownCertificate => ({
  fault: undefined,
  cn: undefined,
  dns: [],
  uris: [],
  fingerprint: 'ab'.repeat(32),
  expiresMs: 1000,
  ...more,
})
const rule = (kind: CertificateRule['kind'], pattern: string): CertificateRule => ({
  kind,
  pattern,
  name: 'n',
  role: 'r',
})
const idOf = (certificate: ShownCertificate, ...rules: CertificateRule[]) => {
  const found = identifyCertificate(certificate, rules, 0)
  return typeof found === 'string' ? found : found.id
}

const digestOf = (text: string) => `cn:~${createHash('sha256').update(text).digest('hex').slice(0, 32)}`

describe('a rule', () => {
  it.each([
    ['dns', 'a.example', { dns: ['a.example'] }, 'dns:a.example'],
    ['dns', '*.example', { dns: ['x', 'a.example'] }, 'dns:a.example'],
    ['dns', 'web-*.example', { dns: ['web-1.example'] }, 'dns:web-1.example'],
    [
      'uri',
      'spiffe://e.org/ns/*/sa/b',
      { uris: ['spiffe://e.org/ns/a/sa/b'] },
      'uri:spiffe://e.org/ns/a/sa/b',
    ],
    ['cn', 'Alice', { cn: 'Alice' }, 'cn:Alice'],
    ['cn', 'Al ice', { cn: 'Al ice' }, digestOf('Al ice')],
    ['cn', 'al@ice.example', { cn: 'al@ice.example' }, digestOf('al@ice.example')],
    ['fingerprint', 'ab'.repeat(32), {}, `sha256:${'ab'.repeat(32)}`],
  ] as const)('for %s %s knows whom it means', (kind, pattern, names, id) => {
    expect(idOf(shown(names), rule(kind, pattern))).toBe(id)
  })

  it.each([
    ['dns', '*.example', { dns: ['a.b.example'] }, 'two labels'],
    ['dns', '*.example', { dns: ['example'] }, 'no label'],
    ['dns', '*.example', { dns: ['.example'] }, 'an empty label'],
    ['dns', '*.example', { dns: ['*.example'] }, 'a name that is a pattern itself'],
    ['dns', 'a.example', { cn: 'a.example' }, 'a common name in place of a DNS name'],
    ['cn', 'a.example', { dns: ['a.example'] }, 'a DNS name in place of a common name'],
    ['cn', 'a*', { cn: 'ab' }, 'a pattern where there are none'],
    ['uri', 'spiffe://e.org/ns/*', { uris: ['spiffe://e.org/ns/a/b'] }, 'two parts of a path'],
    ['uri', 'spiffe://e.org/ns/*', { uris: ['spiffe://e.org/ns/a?x'] }, 'a query'],
    ['uri', 'spiffe://e.org/ns/*', { uris: ['spiffe://e.org.evil/ns/a'] }, 'another trust domain'],
    ['fingerprint', 'cd'.repeat(32), {}, 'another certificate'],
  ] as const)('for %s %s does not know %j (%s)', (kind, pattern, names, _what) => {
    expect(idOf(shown(names), rule(kind, pattern))).toBe('certificate unknown')
  })

  it('counts if it is the first that matches', () => {
    const both = [
      { ...rule('dns', 'b.example'), name: 'second' },
      { ...rule('dns', '*.example'), name: 'first' },
    ]
    expect(identifyCertificate(shown({ dns: ['a.example', 'b.example'] }), both, 0)).toMatchObject({
      kind: 'certificate',
      name: 'second',
      role: 'r',
    })
  })

  it('never counts for what OpenSSL refused, or what has run out since', () => {
    const rules = [rule('cn', 'Alice')]
    expect(idOf(shown({ cn: 'Alice', fault: 'certificate revoked' }), ...rules)).toBe('certificate revoked')
    expect(identifyCertificate(shown({ cn: 'Alice' }), rules, 999)).toMatchObject({ id: 'cn:Alice' })
    expect(identifyCertificate(shown({ cn: 'Alice' }), rules, 1000)).toBe('certificate expired')
    expect(certificateFault('SOMETHING_NEW')).toBe('certificate wrong')
  })
})

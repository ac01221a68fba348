/** The policy as others may see it: without its secrets. */
import { describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { redactPolicy, secretKeys } from '../../src/policy/redact.ts'
import type { SchemaNode } from '../../src/policy/schema/node.ts'
import { policySchema } from '../../src/policy/schema/schema.ts'

/** A value at every place of the schema; those of secrets are counted up. */
function exampleOf(node: SchemaNode, secrets: string[]): unknown {
  if (node.form === 'secret') return secrets[secrets.push(`hunter-number-${secrets.length}`) - 1]
  const [first] = node.anyOf ?? []
  if (first) return exampleOf(first, secrets)
  if (node.items) return [exampleOf(node.items, secrets)]
  const [any] = Object.values(node.patternProperties ?? {})
  const members = Object.entries({ ...node.properties, ...(any ? { name: any } : {}) })
  if (members.length > 0)
    return Object.fromEntries(members.map(([key, each]) => [key, exampleOf(each, secrets)]))
  return node.default ?? node.example ?? 'x'
}

describe('the policy without its secrets', () => {
  it('has none of the values of the keys that the schema calls secret', () => {
    const secrets: string[] = []
    const text = stringify(exampleOf(policySchema, secrets))
    expect(secrets.length).toBe(secretKeys().length)
    expect(secrets.length).toBeGreaterThanOrEqual(5)
    const shown = redactPolicy(text)
    for (const secret of secrets) {
      expect(text).toContain(secret)
      expect(shown).not.toContain(secret)
    }
  })

  it('is called secret what is named so, and nothing that is named so is forgotten', () => {
    const names: string[] = []
    const walk = (node: SchemaNode, path: string): void => {
      for (const [key, each] of Object.entries(node.properties ?? {})) {
        const at = path === '' ? key : `${path}.${key}`
        if (/token|secret|password|apikey|authorization/i.test(key) && each.type === 'string') names.push(at)
        walk(each, at)
      }
      for (const each of Object.values(node.patternProperties ?? {})) walk(each, `${path}.*`)
      if (node.items) walk(node.items, `${path}[]`)
    }
    walk(policySchema, '')
    expect(secretKeys()).toEqual(expect.arrayContaining(names))
    expect(secretKeys()).toEqual(
      expect.arrayContaining([
        'admin.token',
        'approval.webhook.secret',
        'audit.forward[].token',
        'upstreams[].key',
      ]),
    )
  })

  it.each([
    ['in a URL', 'store: { redis: "redis://gate:hunter2@redis:6379" }'],
    ['alone in a URL', 'approval: { webhook: { url: "https://hunter2@hooks.example/x" } }'],
    ['as the default of a variable', `admin: { token: "\${TOKEN:-hunter2}" }`],
    ['of several lines', 'admin:\n  token: |\n    hunter2\n    and more\nversion: 1'],
    ['folded, with an anchor', 'x: &t hunter2-hunter2\nadmin: { token: *t }'],
    ['behind an anchor that looks harmless', 'listen: { address: &t hunter2-hunter2 }\nadmin: { token: *t }'],
    ['under a key that was mistyped', 'admin: { tokn: hunter2 }'],
    ['under a mistyped section', 'admn: { token: { of: [hunter2] } }'],
    ['in a comment as well', 'admin: { token: hunter2-hunter2 } # was hunter2-hunter2'],
    ['in a comment alone', '# token: sk-proj-hunter2hunter2hunter2hunter2hunter2hunter2abc123\nversion: 1'],
    ['in what is no YAML', 'admin: { token: hunter2\n  - ] : "'],
    ['as a number', 'admin: { token: 20261201 } # hunter', '20261201'],
  ])('hides a secret %s', (_what, text, secret = 'hunter2') => {
    expect(redactPolicy(text)).not.toContain(secret)
  })

  it('keeps everything else as it was written', () => {
    const text = `version: 1
# who may what
upstreams: [{ name: local, url: "http://127.0.0.1:11434", kind: ollama, key: "\${KEY}" }]
admin: { token: "\${file:token.txt}" }
roles:
  agent: { routes: [chat], models: ["*"], tools: { allow: [pay], arguments: { pay: { to: [alice] } } } }
`
    expect(redactPolicy(text)).toBe(text)
  })
})

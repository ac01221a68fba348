import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { modelMatcher } from '../../src/models/match.ts'
import { canonicalModel } from '../../src/models/name.ts'

describe('canonicalModel', () => {
  it.each([
    'llama3',
    'LLAMA3',
    'library/llama3',
    'llama3:latest',
    'Llama3:LATEST',
    'registry.ollama.ai/library/llama3:latest',
    'https://registry.ollama.ai/library/llama3',
    'llama3:local',
    'llama3:latest:local',
    ' llama3 ',
    '\u00a0llama3\u0085',
    '\tllama3\n',
  ])('sees through %j', (name) => expect(canonicalModel(name)).toBe('llama3'))

  it.each([
    ['smollm2:135m:LOCAL', 'smollm2:135m'],
    ['smollm2:135m-local', 'smollm2:135m-local'],
    ['hf.co/User/Model:Q4_K_M', 'hf.co/user/model:q4_k_m'],
    ['user/model', 'user/model'],
    ['localhost:5000/a/b:c', 'localhost:5000/a/b:c'],
  ])('%s is %s', (name, canonical) => expect(canonicalModel(name)).toBe(canonical))

  it.each([
    'gpt-oss:120b-cloud',
    'gpt-oss:cloud',
    'x-cloud',
    'X:CLOUD',
    'x:Cloud',
    'x:cloud:local',
    'x:local:cloud',
    'x-cloud:local',
    'x:local:local',
    '\ufeffllama3',
    '\u212allama3',
    'llama3\u200b',
    'lla ma3',
    '../secret',
    'a/b/c/d',
    'llama3:',
    ':latest',
    '',
    'llama3@sha256:00',
    'llama3%3alatest',
    'a'.repeat(600),
  ])('has none for %j', (name) => expect(canonicalModel(name)).toBeUndefined())

  it('is its own canonical form', () => {
    const part = fc.stringMatching(/^[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,6}$/)
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 3 }), fc.option(part), (path, tag) => {
        const canonical = canonicalModel(path.join('/') + (tag === null ? '' : `:${tag}`))
        if (canonical !== undefined) expect(canonicalModel(canonical)).toBe(canonical)
      }),
    )
  })
})

describe('modelMatcher', () => {
  const may = (patterns: string[], name: string) => {
    const model = canonicalModel(name)
    return model !== undefined && modelMatcher(patterns)(model, 'ollama')
  }
  it.each([
    ['llama3.2', 'llama3.2:latest', true],
    ['llama3.2', 'LIBRARY/llama3.2', true],
    ['llama3.2', 'llama3x2', false],
    ['llama3.2', 'llama3.2:1b', false],
    ['qwen3:*', 'qwen3:0.6b', true],
    ['qwen3:*', 'qwen3', true],
    ['qwen3:*', 'qwen30:1b', false],
    ['qwen3:*', 'evil/qwen3:1b', false],
    ['qwen3:*', 'evil.example/library/qwen3:1b', false],
    ['*', 'anything', true],
    ['*', 'anything:7b', false],
    ['*:*', 'anything:7b', true],
    ['hf.co/*/*:*', 'hf.co/user/model:q4', true],
    ['*:*', 'hf.co/user/model:q4', false],
  ])('%s and %s', (pattern, name, matches) => expect(may([pattern], name)).toBe(matches))

  it('names a pattern that is no model', () => {
    expect(() => modelMatcher(['llama3.2', 'x:cloud'])).toThrow(/x:cloud/)
  })
})

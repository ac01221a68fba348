import { describe, expect, it } from 'vitest'
import { createScanner } from '../../src/detect/injection/scanner.ts'
import type { Signature } from '../../src/detect/injection/signature.ts'
import { loadPacks } from '../../src/policy/packs.ts'
import { wordings } from './wordings.ts'

const signatures = loadPacks()
const scanner = createScanner(signatures)
const found = (text: string, { id, channels }: Signature) => {
  const [channel = 'user'] = channels.has('user') ? (['user'] as const) : channels
  return scanner.scan(text, channel).some((finding) => finding.id === id)
}

describe('the packs', () => {
  it('cover the families of LLM01, and what answers say that obey, with at least a hundred signatures', () => {
    expect(signatures.length).toBeGreaterThanOrEqual(100)
    expect([...new Set(signatures.map(({ category }) => category))].toSorted()).toEqual([
      'authority',
      'delimiter',
      'encoded',
      'exfiltration',
      'indirect',
      'memory',
      'obeys',
      'override',
      'persona',
      'pretext',
      'theft',
    ])
  })

  it('have wordings of their own for every signature', () => {
    expect(Object.keys(wordings).toSorted()).toEqual(signatures.map(({ id }) => id).toSorted())
    expect(Object.values(wordings).filter((own) => own.length < 2)).toEqual([])
  })

  it.each('en de fr es it pt nl pl ru tr ar hi zh ja ko'.split(' '))(
    'know override, theft and roles in %s',
    (language) => {
      const families = signatures
        .filter(({ languages }) => languages.includes(language))
        .map(({ category }) => category)
      expect([...new Set(families)]).toEqual(expect.arrayContaining(['override', 'theft', 'persona']))
    },
  )
})

describe.each(signatures.map((signature) => [signature.id, signature] as const))('%s', (id, signature) => {
  it.each(signature.catches)('catches %j', (text) => expect(found(text, signature)).toBe(true))
  it.each(signature.leaves)('leaves %j alone', (text) => expect(found(text, signature)).toBe(false))

  it.each(wordings[id] ?? [])('catches the wording %j, which is not in the pack', (text) => {
    expect(signature.catches).not.toContain(text)
    expect(found(text, signature)).toBe(true)
  })

  it('catches its own examples in capitals and with what cannot be seen between the letters', () => {
    const [example = ''] = signature.catches
    expect(found(example.toUpperCase(), signature)).toBe(true)
    expect(found(example.replaceAll(/(\w)(\w)/g, '$1\u200b$2'), signature)).toBe(true)
    expect(found(fullWidth(example), signature)).toBe(true)
  })
})

/** ASCII in its full-width twins, which NFKC folds back. */
function fullWidth(text: string): string {
  return text.replaceAll(/[!-~]/g, (character) => String.fromCharCode(character.charCodeAt(0) + 0xfee0))
}

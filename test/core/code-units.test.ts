/** Tables over all code units are what asking each of them would make. */
import { expect, it } from 'vitest'
import { eachUnit, unitCount, unitSet } from '../../src/core/code-units.ts'

const classes = [
  /[\p{L}\p{N}\p{M}]/u,
  /[\p{M}\p{Cs}]/u,
  /[\p{Co}\p{Cn}]/u,
  /(?![\u3099\u309a])[\p{Default_Ignorable_Code_Point}\p{Script=Inherited}]/u,
  /[\s.,'-]/,
  /[\ud800\udbff\udc00\udfff\uffff\0]/u,
  /[^a]/u,
]

it.each(classes)('finds the units that match %s by themselves', (member) => {
  const found: number[] = []
  eachUnit(member, (unit) => found.push(unit))
  const all = Array.from({ length: unitCount }, (_, unit) => unit)
  const expected = all.filter((unit) => member.test(String.fromCharCode(unit)))
  expect(found).toEqual(expected)
  const members = new Set(expected)
  expect(unitSet(member, 3)).toEqual(Uint8Array.from(all, (unit) => (members.has(unit) ? 3 : 0)))
})

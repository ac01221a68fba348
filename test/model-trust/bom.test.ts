/** The bill of materials is valid by the published schema, and says what the lock and the attestations say. */
import { readFileSync } from 'node:fs'
import { Ajv } from 'ajv'
import formats from 'ajv-formats'
import { describe, expect, it } from 'vitest'
import type { Attestation } from '../../src/model-trust/attestation/statement.ts'
import { bomOf } from '../../src/model-trust/bom/bom.ts'
import type { LockedModel } from '../../src/model-trust/lock/lock.ts'

const model: LockedModel = {
  name: 'smollm2:135m',
  kind: 'ollama',
  upstream: 'local',
  digest: 'a'.repeat(64),
  size: 270_000_000,
  family: 'llama',
  parameterSize: '134.52M',
  quantisation: 'F16',
  parent: 'smollm2:base',
  parts: [
    { kind: 'weights', sha256: 'b'.repeat(64), size: 269_000_000 },
    { kind: 'template', sha256: 'c'.repeat(64) },
    { kind: 'file', sha256: 'd'.repeat(64), path: 'models/extra.bin' },
  ],
  metadata: {
    'general.architecture': 'llama',
    'general.license': 'apache-2.0',
    'general.name': 'Smollm2 135M',
  },
  hashed: true,
  accepted: { why: 'new version', by: 'ann', at: '2026-11-30T00:00:00.000Z' },
  locked: '2026-11-30T00:00:00.000Z',
}
const bare: LockedModel = {
  name: 'other',
  kind: 'localai',
  upstream: 'second',
  digest: 'e'.repeat(64),
  parts: [],
  locked: '2026-11-30T00:00:00.000Z',
}
const attestation: Attestation = {
  model: model.name,
  digest: model.digest,
  suite: 'torwart-basic',
  suiteDigest: 'f'.repeat(64),
  planDigest: '0'.repeat(64),
  finishedMs: Date.UTC(2026, 10, 30),
  passed: ['one', 'two'],
}
/** The published schemas, as the library ships them. */
const schemas = new URL('../../node_modules/@cyclonedx/cyclonedx-library/res/schema/', import.meta.url)
const schemaOf = (name: string) =>
  JSON.parse(readFileSync(new URL(`${name}.SNAPSHOT.schema.json`, schemas), 'utf8')) as object
// The schema's own comments are no keywords of JSON Schema, and two of its formats are of a later draft.
const ajv = new Ajv({ strict: false, formats: { 'iri-reference': true, 'idn-email': true } })
formats.default(ajv)
for (const name of ['spdx', 'jsf-0.82'])
  ajv.addSchema(schemaOf(name), `http://cyclonedx.org/schema/${name}.SNAPSHOT.schema.json`)
const isValid = ajv.compile(schemaOf('bom-1.6'))
const faultsOf = (text: string) => (isValid(JSON.parse(text)) ? [] : (isValid.errors ?? []))
const made = (models: readonly LockedModel[], attestations: readonly Attestation[] = [attestation]) =>
  bomOf({
    lock: { models },
    attestations,
    version: '1.2.3',
    serialNumber: 'urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79',
    now: new Date(Date.UTC(2026, 11, 1)),
  })

describe('the bill of materials', () => {
  for (const [name, models] of [
    ['of a model with all that can be known', [model]],
    ['of several models', [model, bare]],
    ['of no model', []],
  ] as const)
    it(`${name} is valid by the schema of CycloneDX 1.6`, () => {
      expect(faultsOf(made(models))).toEqual([])
    })

  it('is refused by that schema if it is wrong, so that the test can fail', () => {
    expect(faultsOf(made([model]).replace('"modelCard"', '"modelCards"'))).not.toEqual([])
    expect(faultsOf(made([model]).replace('"SHA-256"', '"SHA-255"'))).not.toEqual([])
  })

  it('has the digests, the parts, the origin and the tests of a model', () => {
    const { components, metadata } = JSON.parse(made([model, bare]))
    const found = components.find(({ name }: { name: string }) => name === 'smollm2:135m')
    expect(found).toMatchObject({
      type: 'machine-learning-model',
      hashes: [{ alg: 'SHA-256', content: 'a'.repeat(64) }],
      licenses: [{ license: { name: 'apache-2.0' } }],
      pedigree: { ancestors: [{ name: 'smollm2:base' }] },
      modelCard: {
        modelParameters: { architectureFamily: 'llama', modelArchitecture: 'llama' },
        quantitativeAnalysis: {
          performanceMetrics: [
            { type: 'behavioural suite torwart-basic', value: 'passed, 2 probes, 2026-11-30T00:00:00.000Z' },
          ],
        },
      },
    })
    expect(found.components).toHaveLength(3)
    expect(found.properties).toContainEqual({ name: 'torwart:quantisation', value: 'F16' })
    expect(metadata.tools[0]).toMatchObject({ name: 'torwart', version: '1.2.3' })
  })

  it('gives a model no test of another digest', () => {
    const { components } = JSON.parse(made([model], [{ ...attestation, digest: '9'.repeat(64) }]))
    expect(components[0].modelCard.quantitativeAnalysis).toBeUndefined()
  })
})

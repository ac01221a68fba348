/**
 * A bill of materials of the locked models (CycloneDX 1.6, "ML-BOM"). The CycloneDX library writes components, hashes and
 * properties; it knows neither model cards nor pedigrees, so those are added to what it writes, in the form of the published
 * schema.
 */
import { ComponentType, HashAlgorithm } from '@cyclonedx/cyclonedx-library/Enums'
import {
  Bom,
  Component,
  ComponentRepository,
  HashDictionary,
  LicenseRepository,
  Metadata,
  NamedLicense,
  Property,
  PropertyRepository,
  Tool,
  ToolRepository,
  Tools,
} from '@cyclonedx/cyclonedx-library/Models'
import { JSON as CycloneJson, JsonSerializer } from '@cyclonedx/cyclonedx-library/Serialize'
import { Spec1dot6 } from '@cyclonedx/cyclonedx-library/Spec'
import { isObject, type JsonObject, objectsIn, parse } from '../../core/json.ts'
import type { Attestation } from '../attestation/statement.ts'
import type { Lock, LockedModel } from '../lock/lock.ts'
import type { Part } from '../parts.ts'

/** What the bill of materials is made of. */
export interface BomSource {
  readonly lock: Lock
  /** Verified attestations of passed runs. */
  readonly attestations: readonly Attestation[]
  /** Version of this program. */
  readonly version: string
  /** `urn:uuid:…` */
  readonly serialNumber: string
  readonly now: Date
}

/** Writes the bill of materials as JSON. */
export function bomOf({ lock, attestations, version, serialNumber, now }: BomSource): string {
  const tool = new Tool({ vendor: 'Torwart', name: 'torwart', version })
  const bom = new Bom({
    serialNumber,
    metadata: new Metadata({ timestamp: now, tools: new Tools({ tools: new ToolRepository([tool]) }) }),
    components: new ComponentRepository(lock.models.map(componentOf)),
  })
  const serializer = new JsonSerializer(new CycloneJson.Normalize.Factory(Spec1dot6))
  const document = parse(serializer.serialize(bom, { sortLists: true }))
  const models = new Map(lock.models.map((model) => [referenceOf(model), model]))
  for (const component of objectsIn(isObject(document) ? document.components : undefined)) {
    const model = models.get(String(component['bom-ref']))
    if (model) Object.assign(component, pedigreeOf(model), { modelCard: cardOf(model, attestations) })
  }
  return `${JSON.stringify(document, null, 2)}\n`
}

function referenceOf({ upstream, name, digest }: LockedModel): string {
  return `${upstream}/${name}@sha256:${digest}`
}

function componentOf(model: LockedModel): Component {
  const { name, digest, parts, metadata = {} } = model
  const license = metadata['general.license']
  return new Component(ComponentType.MachineLearningModel, name, {
    bomRef: referenceOf(model),
    version: `sha256:${digest}`,
    hashes: new HashDictionary([[HashAlgorithm['SHA-256'], digest]]),
    components: new ComponentRepository(parts.map((part, at) => componentOfPart(model, part, at))),
    properties: new PropertyRepository(propertiesOf(model)),
    ...(license ? { licenses: new LicenseRepository([new NamedLicense(license)]) } : {}),
  })
}

function componentOfPart(model: LockedModel, { kind, sha256, size, path }: Part, at: number): Component {
  return new Component(ComponentType.File, path ?? `${kind}-${at + 1}`, {
    bomRef: `${referenceOf(model)}#${at + 1}`,
    hashes: new HashDictionary([[HashAlgorithm['SHA-256'], sha256]]),
    properties: new PropertyRepository([
      new Property('torwart:part', kind),
      ...(size === undefined ? [] : [new Property('torwart:bytes', String(size))]),
    ]),
  })
}

function propertiesOf(model: LockedModel): readonly Property[] {
  const { upstream, kind, size, parameterSize, quantisation, hashed, locked, accepted, metadata = {} } = model
  const facts: Readonly<Record<string, string | number | boolean | undefined>> = {
    upstream,
    kind,
    bytes: size,
    parameters: parameterSize,
    quantisation,
    hashed,
    locked,
    'accepted.by': accepted?.by,
    'accepted.why': accepted?.why,
  }
  const known = Object.entries(facts).filter(([, value]) => value !== undefined)
  return [
    ...known.map(([name, value]) => new Property(`torwart:${name}`, String(value))),
    ...Object.entries(metadata).map(([name, value]) => new Property(`gguf:${name}`, value)),
  ]
}

/** The model that it was made from. */
function pedigreeOf({ parent }: LockedModel): JsonObject {
  return parent === undefined
    ? {}
    : { pedigree: { ancestors: [{ type: 'machine-learning-model', name: parent }] } }
}

function cardOf(model: LockedModel, attestations: readonly Attestation[]): JsonObject {
  const { family, name, digest, metadata = {} } = model
  const architecture = metadata['general.architecture']
  const tests = attestations.filter((each) => each.model === name && each.digest === digest)
  return {
    modelParameters: {
      ...(family === undefined ? {} : { architectureFamily: family }),
      ...(architecture === undefined ? {} : { modelArchitecture: architecture }),
    },
    ...(tests.length === 0 ? {} : { quantitativeAnalysis: { performanceMetrics: tests.map(metricOf) } }),
  }
}

function metricOf({ suite, suiteDigest, finishedMs, passed }: Attestation): JsonObject {
  return {
    type: `behavioural suite ${suite}`,
    value: `passed, ${passed.length} probes, ${new Date(finishedMs).toISOString()}`,
    slice: `sha256:${suiteDigest}`,
  }
}

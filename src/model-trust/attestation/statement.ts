/**
 * What an attestation says: an in-toto Statement v1 with the predicate `test-result` v0.1. Its subject is the model's
 * manifest digest, its configuration the suite and the plan of comparison. Unknown fields are refused, because only this
 * program writes these files.
 */
import type { JsonObject, JsonValue } from '../../core/json.ts'
import { statementKind } from './envelope.ts'
import { AttestationFault } from './fault.ts'
import { allowOnly, asObject, asObjects, asText, readObject } from './strict.ts'

/** A passed run of a suite. */
export interface Attestation {
  /** Canonical name of the model. */
  readonly model: string
  /** SHA-256 of its manifest, 64 hex digits. */
  readonly digest: string
  /** Name of the suite. */
  readonly suite: string
  /** SHA-256 of the suite's file. */
  readonly suiteDigest: string
  /** SHA-256 of the plan of comparison. */
  readonly planDigest: string
  /** When the run ended, milliseconds since 1970. */
  readonly finishedMs: number
  /** Ids of the probes that held. */
  readonly passed: readonly string[]
}

const predicateKind = 'https://in-toto.io/attestation/test-result/v0.1'
const digestForm = /^[0-9a-f]{64}$/
const maxProbes = 1000
const maxName = 512

/** Writes the statement of a passed run. */
export function statementOf(run: Attestation): Buffer {
  const statement = {
    _type: statementKind,
    subject: [{ name: run.model, digest: { sha256: run.digest } }],
    predicateType: predicateKind,
    predicate: {
      result: 'PASSED',
      configuration: [
        {
          name: run.suite,
          digest: { sha256: run.suiteDigest },
          annotations: { finished: new Date(run.finishedMs).toISOString() },
        },
        { name: 'plan', digest: { sha256: run.planDigest } },
      ],
      passedTests: run.passed,
      failedTests: [],
    },
  }
  return Buffer.from(JSON.stringify(statement))
}

/** Reads a statement. @throws AttestationFault if it is none of a passed run */
export function readStatement(payload: Uint8Array): Attestation {
  const statement = readObject(payload, 'the statement')
  allowOnly(statement, ['_type', 'subject', 'predicateType', 'predicate'], 'the statement')
  if (statement._type !== statementKind) throw new AttestationFault('it is no in-toto Statement v1')
  if (statement.predicateType !== predicateKind)
    throw new AttestationFault('it attests something else than a test result')
  const [subject, ...subjects] = asObjects(statement.subject, 'subject')
  if (subject === undefined || subjects.length > 0) throw new AttestationFault('it must have one subject')
  const predicate = asObject(statement.predicate, 'the predicate')
  allowOnly(predicate, ['result', 'configuration', 'passedTests', 'failedTests'], 'the predicate')
  if (predicate.result !== 'PASSED') throw new AttestationFault('the run that it attests did not pass')
  if (idsIn(predicate.failedTests).length > 0) throw new AttestationFault('it lists probes that failed')
  const passed = idsIn(predicate.passedTests)
  if (passed.length === 0) throw new AttestationFault('it lists no probe that passed')
  const [suite, plan, ...rest] = asObjects(predicate.configuration, 'configuration')
  if (suite === undefined || plan?.name !== 'plan' || rest.length > 0)
    throw new AttestationFault('its configuration must be a suite and a plan')
  const annotations = asObject(suite.annotations, 'annotations')
  return {
    ...namesIn({ subject, suite }),
    digest: digestIn(subject, ['name', 'digest']),
    suiteDigest: digestIn(suite, ['name', 'digest', 'annotations']),
    planDigest: digestIn(plan, ['name', 'digest']),
    finishedMs: timeIn(annotations),
    passed,
  }
}

function namesIn({ subject, suite }: { subject: JsonObject; suite: JsonObject }) {
  const model = asText(subject.name, 'the name of the subject')
  const name = asText(suite.name, 'the name of the suite')
  if (model === '' || name === '' || model.length > maxName || name.length > maxName)
    throw new AttestationFault('a name is empty or too long')
  return { model, suite: name }
}

function digestIn(descriptor: JsonObject, known: readonly string[]): string {
  allowOnly(descriptor, known, 'a resource')
  const digest = asObject(descriptor.digest, 'a digest')
  allowOnly(digest, ['sha256'], 'a digest')
  const sha256 = asText(digest.sha256, 'a digest')
  if (!digestForm.test(sha256)) throw new AttestationFault('a digest is not 64 hex digits')
  return sha256
}

function timeIn(annotations: JsonObject): number {
  allowOnly(annotations, ['finished'], 'the annotations')
  const text = asText(annotations.finished, 'the time')
  const ms = Date.parse(text)
  if (Number.isNaN(ms) || new Date(ms).toISOString() !== text)
    throw new AttestationFault('the time is not in the form of ISO 8601 that this program writes')
  return ms
}

function idsIn(value: JsonValue | undefined): readonly string[] {
  if (!Array.isArray(value) || value.length > maxProbes)
    throw new AttestationFault('a list of probes is wrong')
  return value.map((id) => asText(id, 'the id of a probe'))
}

/** The technical documentation of a deployment, as a page: what runs, with which models, guards, rights and evidence. */
import { keyStatus } from '../../auth/api-keys/key-file.ts'
import { printDuration } from '../../core/units.ts'
import type { RefusedAttestation } from '../../model-trust/attestation/store.ts'
import type { Lock, LockedModel } from '../../model-trust/lock/lock.ts'
import type { Policy } from '../../policy/policy.ts'
import { type TraceId, traces } from '../evidence/traces.ts'
import { type Block, type Cell, fact, facts, type Page, section } from '../page/page.ts'
import { type About, summaryTable } from '../present.ts'
import type { Report } from '../report.ts'
import type { Language } from '../words.ts'
import { outputGuardInWords, promptGuardInWords, roleBlocks } from './roles.ts'
import { type DocumentTexts, documentTexts } from './texts.ts'

/** What the document is made of, beside the report. */
export interface Deployment extends About {
  /** SHA-256 of the policy file, hex. */
  readonly digest: string
  /** Undefined: there is none; a text: why it cannot be read. */
  readonly lock: Lock | string | undefined
  readonly refused: readonly RefusedAttestation[]
}

/** Lays the document out. */
export function documentPage(report: Report, deployment: Deployment, language: Language): Page {
  const words = documentTexts[language]
  const { policy } = report.facts
  return {
    language,
    title: words.title,
    blocks: [
      { kind: 'text', text: words.lead },
      ...section(words.runs, whatRuns(policy, deployment, words)),
      ...section(words.servers, serverTable(policy, words)),
      ...section(words.models, ...modelBlocks(report, deployment, words)),
      ...section(words.roles, ...roleBlocks(policy, words)),
      ...section(words.callers, ...callerBlocks(report, words)),
      ...section(words.guards, guardFacts(policy, words)),
      ...section(words.records, recordFacts(policy, words)),
      ...section(words.evidence, evidenceBlock(report, language)),
      ...section(words.coverage, summaryTable(report, language)),
      ...section(words.missing, { kind: 'text', text: words.yours }),
    ],
  }
}

function whatRuns(
  policy: Policy,
  { program, made, policyFile, digest }: Deployment,
  words: DocumentTexts,
): Block {
  const { listen, admin, workers, store } = policy
  return facts(
    fact(words.program, [program]),
    fact(words.made, [made]),
    fact(words.policy, [`${policyFile} (${policy.version})`]),
    fact(words.digest, [digest], true),
    fact(words.listener, [`${listen.host}:${listen.port}${listen.prefix}`]),
    fact(words.tls, [
      listen.tls === undefined ? words.none : `${listen.tls.cert}, clientCert ${listen.tls.clientCert}`,
    ]),
    fact(words.admin, [`${admin.host}:${admin.port}`]),
    fact(words.workers, [String(workers)]),
    fact(words.store, [
      store.redis === undefined ? words.memory : `Redis (${store.redis.kind}), onFailure ${store.onFailure}`,
    ]),
  )
}

function serverTable({ upstreams }: Policy, words: DocumentTexts): Block {
  return {
    kind: 'table',
    head: [words.name, words.kind, words.url, words.remote, words.concurrent],
    rows: upstreams.map(({ name, kind, origin, remote, concurrent }) => [
      name,
      kind,
      origin,
      String(remote),
      concurrent,
    ]),
  }
}

function modelBlocks(
  { facts: { policy }, attestations }: Report,
  { lock, refused }: Deployment,
  words: DocumentTexts,
): readonly Block[] {
  const { require, onDrift, lockFile } = policy.modelTrust
  const told =
    lock === undefined
      ? words.noLock
      : typeof lock === 'string'
        ? `${lockFile} ${words.badLock}: ${lock}`
        : lockFile
  const models: readonly LockedModel[] = typeof lock === 'object' ? lock.models : []
  const testsOf = ({ name, digest }: LockedModel) =>
    attestations
      .filter((each) => each.model === name && each.digest === digest.replace(/^sha256:/, ''))
      .map(({ suite, finishedMs }) => `${suite}, ${day(finishedMs)}`)
  return [
    facts(
      fact(words.required, [[...require].join(', ') || words.nothing]),
      fact(words.drift, require.size === 0 ? [] : [onDrift]),
      fact(words.lock, [told]),
      fact(
        words.refused,
        refused.map(({ file, reason }) => `${file}: ${reason}`),
      ),
    ),
    {
      kind: 'table',
      head: [words.model, 'SHA-256', words.locked, words.accepted, words.tested],
      rows: models.map((model): readonly Cell[] => [
        `${model.name} (${model.upstream})`,
        model.digest,
        model.locked.slice(0, dayLength),
        model.accepted?.why ?? '',
        testsOf(model).join('; ') || words.none,
      ]),
    },
  ]
}

const dayLength = '2026-01-01'.length

function day(ms: number): string {
  return new Date(ms).toISOString().slice(0, dayLength)
}

function callerBlocks({ facts: { policy, keys, nowMs } }: Report, words: DocumentTexts): readonly Block[] {
  const groups = new Map<string, { count: number; ending: number }>()
  for (const key of keys) {
    const name = `${key.role}\n${keyStatus(key, nowMs)}`
    const group = groups.get(name) ?? { count: 0, ending: 0 }
    groups.set(name, { count: group.count + 1, ending: group.ending + (key.expires === undefined ? 0 : 1) })
  }
  return [
    {
      kind: 'table',
      head: [words.role, words.status, words.holders, words.withExpiry],
      rows: Array.from(groups, ([name, { count, ending }]) => [...name.split('\n'), count, ending]),
    },
    facts(
      fact(
        words.issuers,
        policy.jwt.map(({ issuer }) => issuer),
      ),
      fact(
        words.certificates,
        policy.certificates.map(({ kind, pattern, role }) => `${kind}:${pattern} (${role})`),
      ),
      fact(words.approvers, [[...policy.approval.approvers].join(', ') || words.adminToken]),
    ),
  ]
}

function guardFacts(policy: Policy, words: DocumentTexts): Block {
  const { promptGuard, outputGuard, exceptions, personalData } = policy
  return facts(
    fact(words.promptGuard, [
      promptGuardInWords(promptGuard),
      promptGuard.mode === 'observe' ? words.observes : '',
    ]),
    fact(words.outputGuard, [
      outputGuardInWords(outputGuard),
      outputGuard.mode === 'observe' ? words.observes : '',
    ]),
    fact(words.disabled, [promptGuard.disable.join(', ') || words.none]),
    fact(words.exceptions, [String(exceptions.entries.length)]),
    fact(words.packs, [promptGuard.packFiles.join(', ') || words.none]),
    fact(words.names, [personalData.names]),
  )
}

function recordFacts({ audit, anomalies, telemetry }: Policy, words: DocumentTexts): Block {
  return facts(
    fact(words.file, [audit.file]),
    fact(words.content, [audit.content]),
    fact(words.pseudonyms, [audit.pseudonyms]),
    fact(words.retention, [printDuration(audit.retentionMs)]),
    fact(words.sync, [audit.sync]),
    fact(words.checkpoints, [`${audit.checkpoint.records} / ${printDuration(audit.checkpoint.everyMs)}`]),
    fact(words.forward, [
      audit.forward.map(({ name, content }) => `${name} (${content})`).join(', ') || words.none,
    ]),
    fact(words.anomalies, [anomalies.mode]),
    fact(words.telemetry, [
      telemetry.otlp === undefined ? words.none : `OTLP, content ${telemetry.otlp.content}`,
    ]),
  )
}

function evidenceBlock({ sightings }: Report, language: Language): Block {
  const words = documentTexts[language]
  if (sightings === undefined) return { kind: 'text', text: words.noLog }
  const rows = Array.from(
    sightings.newest,
    ([id, { time, seq }]: [TraceId, { time: string; seq: number }]) => [traces[id].what[language], time, seq],
  )
  return { kind: 'table', head: [words.what, words.last, words.record], rows }
}

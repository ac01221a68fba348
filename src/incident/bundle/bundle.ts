/**
 * The bundle of an incident, for those who must be told and for those who examine it later: drafts of the reports, a
 * report with the timeline, the records concerned, and a signed manifest with the script that verifies it.
 */
import { createPublicKey, type KeyObject, sign } from 'node:crypto'
import { toMarkdown } from '../../audit/formats/markdown.ts'
import { selectRecords } from '../../audit/query/select.ts'
import { integrityInWords, verifyChains } from '../../audit/verify/verify-chains.ts'
import { readEntry } from '../../audit/write/entry.ts'
import { type HashedFile, HashedFolder, type LineFile } from '../../files/hashed-folder.ts'
import { draftsOf } from '../drafts/drafts.ts'
import { concernOf, FactCollector, type Facts } from '../facts.ts'
import { type Incident, incidentView } from '../incident.ts'
import { readmeOf } from './readme.ts'
import { checkpointFile, manifestFile, publicKeyFile, signatureFile, verifyScript } from './verify-script.ts'

/** What a bundle is made from. */
export interface BundleParts {
  readonly auditFile: string
  readonly incident: Incident
  /** A folder that is empty or is not there. */
  readonly out: string
  readonly nowMs: number
  readonly version: string
  /** The Ed25519 key of the log; undefined: there is none, or it cannot be read, and the bundle is not signed. */
  readonly signingKey: KeyObject | undefined
  /** The signed checkpoint of when it was opened, a compact JWS; undefined: none was kept. */
  readonly checkpoint: string | undefined
  pseudonymOf(person: string): string
}

/** What a bundle holds. */
export interface Bundle {
  /** SHA-256 of the manifest. */
  readonly manifest: string
  readonly signed: boolean
  readonly files: number
  readonly records: number
  readonly gaps: number
  /** Whether `audit verify` passes. */
  readonly intact: boolean
}

/** After an incident was closed, its last events are still being written. */
const closingMs = 60_000

/** Writes a bundle. @throws Error if the folder is not empty, and what `fs` throws */
export async function writeBundle(parts: BundleParts): Promise<Bundle> {
  const { auditFile, incident, nowMs, version } = parts
  const folder = new HashedFolder(parts.out)
  const facts = await writeRecords(parts, folder)
  const { chains, ...verdict } = await verifyChains(auditFile, { sinceMs: Date.parse(incident.since) })
  const integrity = integrityInWords(verdict, chains.length)
  const made = new Date(nowMs).toISOString()
  const person = incident.person === null ? null : parts.pseudonymOf(incident.person)
  const drafts = draftsOf({ incident, facts, integrity, person, made, version })
  for (const { notice, text } of drafts) await folder.write(`drafts/${notice}.md`, text)
  await folder.write('report.md', toMarkdown(facts.report, integrity, made))
  await folder.write('evidence/verify.json', json({ made, ok: verdict.bad === undefined, ...verdict }))
  const shown = { ...incidentView(incident, nowMs), person }
  await folder.write('incident.json', json(shown))
  const signed = parts.signingKey !== undefined
  if (parts.checkpoint !== undefined && signed) await folder.write(checkpointFile, parts.checkpoint)
  await folder.write('README.md', readmeOf({ incident, drafts, facts, signed, made }))
  const manifest = await seal(parts, folder, made)
  const gaps = drafts.reduce((sum, draft) => sum + draft.gaps, 0)
  return {
    ...{ manifest, signed, gaps, files: folder.files.length, records: facts.report.records },
    intact: verdict.bad === undefined,
  }
}

/** Writes the records concerned as they stand in the log, those of each chain into a file of their own. */
async function writeRecords({ auditFile, incident }: BundleParts, folder: HashedFolder): Promise<Facts> {
  const files = new Map<string, LineFile>()
  const facts = new FactCollector()
  const concerns = concernOf(incident)
  const query = {
    sinceMs: Date.parse(incident.since),
    ...(incident.closed ? { untilMs: Date.parse(incident.closed.at) + closingMs } : {}),
  }
  try {
    for await (const { line, chain, entry } of selectRecords(auditFile, query, { read: readEntry })) {
      if (!concerns(entry)) continue
      const name = `evidence/records${chain === '' ? '' : `.${chain}`}.jsonl`
      const file = files.get(chain) ?? (await folder.lines(name))
      files.set(chain, file)
      await file.add(line)
      facts.add(entry)
    }
  } finally {
    for (const file of files.values()) await file.close()
  }
  return facts.result()
}

/** Writes what proves the rest. @returns the SHA-256 of the manifest */
async function seal(
  { incident, signingKey, version }: BundleParts,
  folder: HashedFolder,
  made: string,
): Promise<string> {
  const publicKey = signingKey && createPublicKey(signingKey)
  if (publicKey)
    await folder.write(publicKeyFile, publicKey.export({ type: 'spki', format: 'pem' }).toString())
  await folder.write('verify.sh', verifyScript)
  await folder.write(
    'manifest.json',
    json({
      ...{ version: 1, incident: incident.id, made, by: `torwart ${version}` },
      signature: publicKey ? { algorithm: 'Ed25519', file: signatureFile, key: publicKeyFile } : null,
      note: publicKey
        ? `${manifestFile} is signed, and lists every file of this bundle but itself and its signature.`
        : `NOT SIGNED: the key that signs the audit log was not there or could not be read. ${manifestFile} has hashes only.`,
      files: folder.files,
    }),
  )
  const manifest = manifestOf(folder.files)
  if (signingKey) await folder.write(signatureFile, sign(null, Buffer.from(manifest), signingKey))
  const { sha256 } = await folder.write(manifestFile, manifest)
  return sha256
}

/** The manifest of files as `sha256sum` prints it. */
function manifestOf(files: readonly HashedFile[]): string {
  return files.map(({ name, sha256 }) => `${sha256}  ${name}\n`).join('')
}

function json(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`
}

/** `torwart incident bundle`: drafts of the reports, the timeline, the evidence, signed, in a folder. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createPseudonyms } from '../../audit/erase/pseudonyms.ts'
import { tryJson } from '../../core/json.ts'
import { type Bundle, writeBundle } from '../../incident/bundle/bundle.ts'
import { type Incident, withBundle } from '../../incident/incident.ts'
import { changeIncident, incidentsFolder } from '../../incident/incident-file.ts'
import { loadPolicy } from '../../policy/load.ts'
import { authorOf, byOption, type Command, configOption, type ExitCode, type Io, textOf } from '../command.ts'
import { auditSigningKey } from '../shared/audit-signing-key.ts'
import { putOnRecord } from '../shared/operator-event.ts'
import { checkpointName, idArgument, incidentMeant, masked } from './shared.ts'

/** The command `torwart incident bundle`. */
export const incidentBundle: Command = {
  argument: idArgument,
  options: [
    configOption,
    { flags: '--out <folder>', description: 'folder that is empty or does not exist yet', required: true },
    byOption,
  ],
  async run(values, io, id): Promise<ExitCode> {
    const { policy } = loadPolicy(textOf(values, 'config'), io.variables)
    const { file } = policy.audit
    const incident = incidentMeant(file, id)
    const out = textOf(values, 'out')
    const nowMs = Date.now()
    const bundle = await writeBundle({
      ...{ auditFile: file, incident, out, nowMs, version: io.version },
      signingKey: await auditSigningKey(file, io),
      checkpoint: checkpointOf(file, incident),
      pseudonymOf: (person) => createPseudonyms(file)('person', person),
    })
    const { manifest, signed } = bundle
    const by = masked(authorOf(values, io))
    await changeIncident(file, incident.id, (each) =>
      withBundle(each, { at: new Date(nowMs).toISOString(), by, manifest, signed }),
    )
    const isRecorded = await putOnRecord(
      'incident bundled',
      { incident: incident.id, by, manifest, signed, records: bundle.records, files: bundle.files },
      policy,
      io,
    )
    tell(bundle, out, io)
    return isRecorded && bundle.intact ? 0 : 1
  },
}

function tell({ manifest, signed, files, records, gaps, intact }: Bundle, out: string, io: Io): void {
  io.out(
    `${out}: ${files} files, ${records} records, ${gaps} gaps to fill in. Verify with: sh ${join(out, 'verify.sh')}\n`,
  )
  io.out(`SHA-256 of the manifest: ${manifest}\n`)
  if (!signed)
    io.err(
      'NOT SIGNED: there is no key that signs the audit log, or it cannot be read. The bundle has hashes only.\n',
    )
  if (!intact) io.err('The audit log does not verify: run `torwart audit verify`. The drafts say so, too.\n')
}

function checkpointOf(auditFile: string, { id }: Incident): string | undefined {
  const path = join(incidentsFolder(auditFile), id, checkpointName)
  const kept = existsSync(path) ? tryJson(readFileSync(path, 'utf8')) : undefined
  const proof = typeof kept === 'object' && kept !== null && 'proof' in kept ? kept.proof : undefined
  return typeof proof === 'string' ? proof : undefined
}

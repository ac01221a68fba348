/** The first page of a bundle. */
import type { Draft } from '../drafts/drafts.ts'
import { harmless, table } from '../drafts/shared.ts'
import type { Facts } from '../facts.ts'
import type { Incident } from '../incident.ts'
import { noticesOf } from '../notices.ts'

interface ReadmeParts {
  readonly incident: Incident
  readonly drafts: readonly Draft[]
  readonly facts: Facts
  readonly signed: boolean
  /** RFC 3339. */
  readonly made: string
}

/** Prints the page, as Markdown. */
export function readmeOf({ incident, drafts, facts, signed, made }: ReadmeParts): string {
  const { report } = facts
  const rows = noticesOf(incident, Date.parse(made)).map(({ notice, law, title, due, state }) => {
    const gaps = drafts.find((draft) => draft.notice === notice)?.gaps ?? 0
    return [title, law, due, state, `\`drafts/${notice}.md\``, String(gaps)]
  })
  const lines = [
    `# Incident ${incident.id}`,
    '',
    `${harmless(incident.why)} (opened ${incident.opened} by ${harmless(incident.by)}; this bundle: ${made})`,
    '',
    '## Reports that may be due',
    ...table(['report', 'law', 'due', 'state', 'draft', 'gaps to fill in'], rows),
    'Drafts have what the log knows. Gaps are marked, and nothing else was added. Read them before you send them: texts in',
    'the log are masked, not anonymous.',
    '',
    '## Files',
    ...table(
      ['file', 'what it is'],
      [
        ['`drafts/`', 'drafts of the reports'],
        [
          '`report.md`',
          'who, what was found, what was stopped and what was not, the timeline, signed checkpoints',
        ],
        ['`incident.json`', 'the incident with its clocks'],
        [
          '`evidence/records*.jsonl`',
          `${report.records} records, byte for byte as in the log, with their hashes`,
        ],
        ['`evidence/verify.json`', 'what `torwart audit verify` said of the log'],
        ...(signed
          ? [['`evidence/checkpoint.jws`', 'where the log stood when the incident was opened, signed']]
          : []),
        ['`manifest.json`, `MANIFEST.sha256`', 'every file with its SHA-256'],
      ],
    ),
    '## Verify',
    '',
    '    sh verify.sh                 # sha256sum and openssl 3.0 or later, nothing of Torwart',
    '    sh verify.sh OTHER-KEY.pem   # with the public key that you keep elsewhere (`FILE.pub` of the audit log)',
    '',
    signed
      ? 'The manifest is signed with the key of the audit log.'
      : '**This bundle is not signed**: the key that signs the audit log was not there or could not be read. Hashes show accidents, not intent.',
  ]
  return `${lines.join('\n')}\n`
}

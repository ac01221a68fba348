/** What guards found in a request: each signature once, with what was done about it. */
import type { AuditRecord, RecordedFinding } from '../../api/types.ts'
import { Badge, Copy } from '../../parts/basics.tsx'
import { t, word } from '../../texts/texts.ts'

/** The findings of a record, and how to accept them. */
export function Findings({ record: { findings = [], remedy } }: { record: AuditRecord }) {
  return (
    <section class="part">
      <h3>{t('record.findings')}</h3>
      {findings.length === 0 ? (
        <p class="dim">{t('record.noFindings')}</p>
      ) : (
        <ul class="findings">
          {findings.map((finding, index) => (
            <Finding key={`${finding.id} ${index}`} finding={finding} />
          ))}
        </ul>
      )}
      {remedy && (
        <p class="hint">
          {t('record.remedy')} <Copy text={remedy} />
        </p>
      )}
    </section>
  )
}

function Finding({ finding }: { finding: RecordedFinding }) {
  const { id, guard, category, severity, channel, action, tool, mentioned, exception } = finding
  const notes = [
    t('record.foundIn', { guard: word('guard', guard), channel: word('channel', channel) }),
    word('severity', severity),
    ...(tool ? [tool] : []),
    ...(mentioned ? [t('record.mentioned')] : []),
    ...(exception ? [t('record.exception', { id: exception })] : []),
  ]
  return (
    <li>
      <Badge tone={action === 'block' || action === 'refuse' ? 'bad' : 'warn'}>
        {word('action', action)}
      </Badge>
      <span>
        <strong>{word('category', category)}</strong> <code>{id}</code>
        <br />
        <span class="dim">{notes.join(' · ')}</span>
      </span>
    </li>
  )
}

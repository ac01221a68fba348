/** Verifies the chain of the audit log, with progress, and shows where it ends. */
import { useEffect, useRef, useState } from 'preact/hooks'
import { get } from '../../api/client.ts'
import { openStream } from '../../api/events.ts'
import type { AuditState } from '../../api/types.ts'
import { Badge, Copy, Section, Shown } from '../../parts/basics.tsx'
import { number, shortDigest } from '../../parts/format.ts'
import { useLoad } from '../../parts/load.ts'
import { t } from '../../texts/texts.ts'

interface Verification {
  readonly state: 'running' | 'done' | 'lost'
  readonly records: number
  readonly total: number | undefined
  readonly ok: boolean
  readonly problems: readonly string[]
  /** What is no error, but should be known. */
  readonly notes: readonly string[]
}

/** The part of the page. */
export function VerifySection() {
  const head = useLoad('audit', (options) => get<AuditState>('/admin/v1/audit', options))
  const { verification, start } = useVerification()
  return (
    <Section
      title="verify.title"
      actions={
        <button type="button" disabled={verification?.state === 'running'} onClick={start}>
          {t('verify.start')}
        </button>
      }
    >
      <Shown loaded={head}>
        {({ head: end, writable, checkpoint }) => (
          <p class="meta">
            <Badge tone={writable ? 'good' : 'bad'}>{t(writable ? 'verify.writable' : 'verify.stuck')}</Badge>
            {end && <span>{t('verify.head', { seq: number(end.seq) })}</span>}
            {end && <Copy text={end.hash} shown={shortDigest(end.hash)} />}
            <span class="dim">
              {checkpoint
                ? t('verify.checkpoint', { seq: number(checkpoint.seq) })
                : t('verify.noCheckpoint')}
            </span>
          </p>
        )}
      </Shown>
      <div role="status">{verification && <Result of={verification} />}</div>
    </Section>
  )
}

function Result({ of: { state, records, total, ok, problems, notes } }: { of: Verification }) {
  if (state === 'lost')
    return (
      <p>
        <Badge tone="warn">{t('verify.lost')}</Badge>
      </p>
    )
  if (state === 'running')
    return (
      <p class="meta">
        <progress aria-label={t('verify.title')} {...(total ? { value: records, max: total } : {})} />
        <span class="num">{t('verify.progress', { records: number(records) })}</span>
      </p>
    )
  return (
    <>
      <p>
        <Badge tone={ok ? 'good' : 'bad'}>{t(ok ? 'verify.ok' : 'verify.broken')}</Badge>{' '}
        {t('verify.progress', { records: number(records) })}
      </p>
      <ul class="list">
        {[...problems, ...notes].map((problem, index) => (
          <li key={String(index)}>{problem}</li>
        ))}
      </ul>
    </>
  )
}

function useVerification() {
  const [verification, setVerification] = useState<Verification>()
  const close = useRef(() => {})
  useEffect(() => () => close.current(), [])
  const start = () => {
    close.current()
    const fresh: Verification = {
      state: 'running',
      records: 0,
      total: undefined,
      ok: false,
      problems: [],
      notes: [],
    }
    setVerification(fresh)
    close.current = openStream('/admin/v1/audit/verify', {
      isLasting: false,
      state: (isOpen) =>
        isOpen ||
        setVerification((before) => (before?.state === 'running' ? { ...before, state: 'lost' } : before)),
      events: {
        progress: (data) => setVerification({ ...fresh, ...progressIn(data) }),
        done: (data) => {
          close.current()
          setVerification({ ...fresh, ...progressIn(data), ...resultIn(data), state: 'done' })
        },
      },
    })
  }
  return { verification, start }
}

function progressIn(data: unknown): Pick<Verification, 'records' | 'total'> {
  const { records, total } = { records: 0, total: undefined, ...(typeof data === 'object' ? data : {}) }
  return { records: Number(records), total: total === undefined ? undefined : Number(total) }
}

function resultIn(data: unknown): Pick<Verification, 'ok' | 'problems' | 'notes'> {
  const { ok, problems, notes } = {
    ...{ ok: false as unknown, problems: [] as unknown, notes: [] as unknown },
    ...(typeof data === 'object' ? data : {}),
  }
  return { ok: ok === true, problems: textsIn(problems), notes: textsIn(notes) }
}

function textsIn(list: unknown): string[] {
  return Array.isArray(list) ? list.map(String) : []
}

/** The record of one request: how it went through the gateway, what was found in it, and what was said, masked. */
import { useEffect, useRef, useState } from 'preact/hooks'
import { getInTurn, queryOf } from '../../api/client.ts'
import type { AuditRecord } from '../../api/types.ts'
import { Badge, Copy, Outcome, Shown, Time } from '../../parts/basics.tsx'
import { number, shortDigest } from '../../parts/format.ts'
import { useLoad } from '../../parts/load.ts'
import { go, pathTo } from '../../parts/route.ts'
import { useMayChange } from '../../parts/session.ts'
import { type TextKey, t, word } from '../../texts/texts.ts'
import { FreezeDialog } from '../freeze-dialog.tsx'
import { Findings } from './findings.tsx'
import { Texts } from './texts.tsx'
import { Waterfall } from './waterfall.tsx'

/** A panel beside a list. @param closeTo the address of the list */
export function RecordPanel({
  id,
  time,
  closeTo,
}: {
  id: string
  time: string | undefined
  closeTo: string
}) {
  const panel = useRef<HTMLElement>(null)
  const loaded = useLoad(`record ${id}`, async (options) => {
    const path = `/admin/v1/records/${encodeURIComponent(id)}${queryOf({ time })}`
    return (await getInTurn<{ record: AuditRecord }>(path, options)).record
  })
  useEffect(() => panel.current?.focus({ preventScroll: true }), [])
  return (
    <aside
      class="panel card"
      ref={panel}
      tabIndex={-1}
      aria-label={t('record.title')}
      onKeyDown={({ key, target }) => {
        if (key === 'Escape' && !(target instanceof Element && target.closest('dialog'))) go(closeTo)
      }}
    >
      <div class="card-head">
        <h2>{t('record.title')}</h2>
        <a class="button" href={closeTo} aria-label={t('record.close')}>
          ✕
        </a>
      </div>
      <Shown loaded={loaded}>{(record) => <Whole record={record} />}</Shown>
    </aside>
  )
}

function Whole({ record }: { record: AuditRecord }) {
  if (record.event !== undefined) return <EventRecord record={record} />
  return (
    <>
      <Facts record={record} />
      <FreezeKey record={record} />
      {record.timing && <Waterfall timing={record.timing} isForwarded={record.upstream !== null} />}
      <Findings record={record} />
      <Texts record={record} />
      <Limits record={record} />
    </>
  )
}

/** Of an event all that it says, as it says it. */
function EventRecord({ record }: { record: AuditRecord }) {
  return (
    <>
      <p>
        <Badge tone="plain">{record.event}</Badge> <Time at={record.time} />
      </p>
      <pre class="text">{JSON.stringify(record, null, 2)}</pre>
    </>
  )
}

function Facts({ record }: { record: AuditRecord }) {
  const { id = '', identity, ending, usage, model, traceparent = '', policy = '' } = record
  const trace = traceparent.split('-')[1] ?? ''
  const asked = typeof model === 'string' ? { asked: model, served: null, digest: null } : model
  const servedAs = asked?.served && asked.served !== asked.asked ? ` → ${asked.served}` : ''
  return (
    <dl class="facts">
      <Fact label="request.outcome">
        <Outcome outcome={ending?.code ?? ending?.kind ?? ''} /> <span class="dim">{ending?.status}</span>
      </Fact>
      <Fact label="request.time">
        <Time at={record.time} />
      </Fact>
      <Fact label="record.id">
        <Copy text={id} />
      </Fact>
      <Fact label="record.trace">{trace === '' ? '–' : <Copy text={trace} />}</Fact>
      <Fact label="request.key">
        {identity ? (
          <>
            {identity.name} <Copy text={identity.id} />
          </>
        ) : (
          t('request.nobody')
        )}
      </Fact>
      <Fact label="record.role">{identity?.role ?? '–'}</Fact>
      <Fact label="request.route">
        <code>{record.route}</code>
      </Fact>
      <Fact label="request.model">
        {asked ? `${asked.asked}${servedAs}` : '–'}{' '}
        {asked?.digest && <Copy text={asked.digest} shown={shortDigest(asked.digest)} />}
      </Fact>
      <Fact label="record.upstream">{record.upstream ?? t('record.notForwarded')}</Fact>
      <Fact label="request.tokens">
        {usage ? t('record.tokens', { in: number(usage.input), out: number(usage.output) }) : '–'}
      </Fact>
      <Fact label="record.peer">{record.peer ?? '–'}</Fact>
      <Fact label="record.policy">{policy === '' ? '–' : <code>{policy}</code>}</Fact>
      {record.agent && <Fact label="record.agent">{record.agent}</Fact>}
      {record.session && <Fact label="record.session">{record.session}</Fact>}
    </dl>
  )
}

function Fact({ label, children }: { label: TextKey; children: preact.ComponentChildren }) {
  return (
    <div>
      <dt>{t(label)}</dt>
      <dd>{children}</dd>
    </div>
  )
}

function FreezeKey({ record: { identity } }: { record: AuditRecord }) {
  const mayChange = useMayChange()
  const [isAsking, setAsking] = useState(false)
  if (!identity || !mayChange) return null
  return (
    <p class="actions">
      <button type="button" class="danger" onClick={() => setAsking(true)}>
        {t('record.freezeKey')}
      </button>
      {isAsking && (
        <FreezeDialog
          subject={{ kind: 'key', name: identity.id }}
          shown={identity.name}
          onDone={() => go(pathTo('freezes'))}
          onClose={() => setAsking(false)}
        />
      )}
    </p>
  )
}

/** The tightest limits after the request, and what was changed in it. */
function Limits({ record }: { record: AuditRecord }) {
  const { limits = {}, dropped = [], clamped = [], unread = [] } = record
  const kinds = Object.entries(limits)
  return (
    <>
      {kinds.length > 0 && (
        <section class="part">
          <h3>{t('record.limits')}</h3>
          <ul class="list">
            {kinds.map(([kind, { scope, limit, remaining }]) => (
              <li key={kind}>
                {t('record.limit', {
                  kind: word('limitKind', kind),
                  scope: word('scope', scope),
                  remaining: number(remaining),
                  limit: number(limit),
                })}
              </li>
            ))}
          </ul>
        </section>
      )}
      <Names title="record.dropped" names={dropped} />
      <Names title="record.clamped" names={clamped} />
      <Names title="record.unread" names={unread} />
    </>
  )
}

function Names({ title, names }: { title: TextKey; names: readonly string[] }) {
  if (names.length === 0) return null
  return (
    <section class="part">
      <h3>{t(title)}</h3>
      <p class="names">
        {names.map((name) => (
          <code key={name}>{name}</code>
        ))}
      </p>
    </section>
  )
}

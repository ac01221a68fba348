/** The policy in force: its warnings, its last reload, how the file differs; and what a pasted one would change. */
import { get } from '../../api/client.ts'
import type { PolicyState } from '../../api/types.ts'
import { Badge, Copy, PageHead, Section, Shown, Time } from '../../parts/basics.tsx'
import { useLoad } from '../../parts/load.ts'
import { useMayChange } from '../../parts/session.ts'
import { t } from '../../texts/texts.ts'
import { diffLines } from './diff.ts'
import { Problems } from './problems.tsx'
import { TrySection } from './try-policy.tsx'

const everyMs = 5000

/** The page. */
export function PolicyPage() {
  const mayChange = useMayChange()
  const policy = useLoad('policy', (options) => get<PolicyState>('/admin/v1/policy', options), everyMs)
  return (
    <>
      <PageHead title="policy.title" />
      <Shown loaded={policy}>
        {(state) => (
          <>
            <InForce state={state} />
            {!state.onDisk.same && <OnDisk state={state} />}
          </>
        )}
      </Shown>
      {mayChange && <TrySection />}
      <Shown loaded={policy}>
        {({ text }) => (
          <Section title="policy.text">
            <p class="hint">{t('policy.fileIsTruth')}</p>
            <Lines text={text} />
          </Section>
        )}
      </Shown>
    </>
  )
}

function InForce({
  state: { file, version, loadedAt, lastReload, onDisk, warnings },
}: {
  state: PolicyState
}) {
  return (
    <Section title="policy.inForce">
      <p class="meta">
        <Badge tone={onDisk.same ? 'good' : 'warn'}>
          {t(onDisk.same ? 'policy.same' : 'policy.differs')}
        </Badge>
        <Copy text={file} />
        <span>
          {t('policy.version')} <Copy text={version} />
        </span>
        <span>
          {t('policy.loaded')} <Time at={loadedAt} />
        </span>
      </p>
      <p class="meta">
        <Badge tone={lastReload.ok ? 'good' : 'bad'}>
          {t(lastReload.ok ? 'policy.reloadOk' : 'policy.reloadFailed')}
        </Badge>
        <Time at={lastReload.at} />
      </p>
      <Problems problems={lastReload.problems} tone="bad" />
      {warnings.length === 0 ? (
        <p class="dim">{t('policy.noWarnings')}</p>
      ) : (
        <Problems problems={warnings} tone="warn" />
      )}
    </Section>
  )
}

function OnDisk({ state: { text, onDisk } }: { state: PolicyState }) {
  if (onDisk.text === null)
    return (
      <Section title="policy.difference">
        <p>
          <Badge tone="bad">{t('policy.unreadable')}</Badge>
        </p>
      </Section>
    )
  return (
    <Section title="policy.difference">
      <Problems problems={onDisk.problems} tone="bad" />
      {text === onDisk.text && <p class="hint">{t('policy.secretsDiffer')}</p>}
      <pre class="text diff">
        {diffLines(text, onDisk.text).map(({ kind, text: line }, index) =>
          kind === 'same' ? null : (
            <span key={String(index)} class={kind}>
              {kind === 'added' ? '+ ' : '− '}
              {line}
              {'\n'}
            </span>
          ),
        )}
      </pre>
    </Section>
  )
}

/** A text with line numbers, which one does not copy along. */
function Lines({ text }: { text: string }) {
  return (
    // biome-ignore lint/a11y/useSemanticElements: no fieldset, and no landmark beside that of its section.
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard.
    <div role="group" class="code" tabIndex={0} aria-label={t('policy.text')}>
      <ol>
        {text.split('\n').map((line, index) => (
          <li key={String(index)}>
            <code>{line === '' ? ' ' : line}</code>
          </li>
        ))}
      </ol>
    </div>
  )
}

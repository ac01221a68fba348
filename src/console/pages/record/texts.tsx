/** The texts of a request and its response, as they are on record: masked, shortened, or only their lengths. */
import type { AuditRecord, RecordedCall, RecordedText } from '../../api/types.ts'
import { number } from '../../parts/format.ts'
import { t, word } from '../../texts/texts.ts'
import { passagesOf } from './passages.ts'

/** All texts of a record. */
export function Texts({ record }: { record: AuditRecord }) {
  const { prompt, answer, excerpts = [], stopped = [], erased } = record
  if (erased !== undefined) return <p class="notice">{t('record.erased', { id: erased })}</p>
  return (
    <>
      <section class="part">
        <h3>{t('record.prompt')}</h3>
        {(prompt ?? []).map((text, index) => (
          <Text key={String(index)} text={text} excerpts={excerpts} />
        ))}
        {(prompt ?? []).length === 0 && <p class="dim">{t('record.noTexts')}</p>}
      </section>
      {answer && (
        <section class="part">
          <h3>{t('record.answer')}</h3>
          <Text text={answer.text} excerpts={[]} />
          {answer.truncated && <p class="hint">{t('record.truncated')}</p>}
          <Calls calls={answer.toolCalls} />
          {answer.cuts.map(({ channel, type, bytes }, index) => (
            <p class="hint" key={String(index)}>
              {t('record.cut', { type, channel: word('channel', channel), bytes: number(bytes) })}
            </p>
          ))}
        </section>
      )}
      {stopped.length > 0 && (
        <section class="part">
          <h3>{t('record.stopped')}</h3>
          <Calls calls={stopped} />
        </section>
      )}
    </>
  )
}

function Text({ text: given, excerpts }: { text: RecordedText; excerpts: AuditRecord['excerpts'] }) {
  const { channel = '', text, length, texts } = given
  const own = (excerpts ?? []).filter((excerpt) => excerpt.channel === channel)
  return (
    <figure class="said">
      <figcaption>{word('channel', channel)}</figcaption>
      {text === undefined ? (
        <p class="dim">
          {texts === undefined
            ? t('record.lengthOnly', { length: number(length ?? 0) })
            : t('record.rest', { texts: number(texts), length: number(length ?? 0) })}
        </p>
      ) : (
        <pre class="text">
          {passagesOf(text, own).map((passage, index) =>
            passage.findings.length === 0 ? (
              passage.text
            ) : (
              <mark key={String(index)} title={passage.findings.join(', ')}>
                {passage.text}
              </mark>
            ),
          )}
        </pre>
      )}
    </figure>
  )
}

function Calls({ calls }: { calls: readonly RecordedCall[] }) {
  return (
    <>
      {calls.map(({ name, arguments: given }, index) => (
        <figure class="said" key={String(index)}>
          <figcaption>{t('record.call', { name })}</figcaption>
          <pre class="text">{given}</pre>
        </figure>
      ))}
    </>
  )
}

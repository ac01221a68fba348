/** The secret of a new key, shown once, with lines that are ready for clients. */
import { useState } from 'preact/hooks'
import { Copy } from '../../parts/basics.tsx'
import { TextField } from '../../parts/fields.tsx'
import { t } from '../../texts/texts.ts'

/** A key that was just made. */
export interface MadeKey {
  readonly name: string
  readonly secret: string
}

const stored = 'torwart.gateway'

/** Returns lines for clients. @param base the address of the gateway for its clients, without a slash at its end */
export function clientLines(
  base: string,
  secret: string,
): readonly (readonly [client: string, line: string])[] {
  return [
    ['OpenAI', `OPENAI_BASE_URL=${base}/v1 OPENAI_API_KEY=${secret}`],
    ['Claude Code', `ANTHROPIC_BASE_URL=${base} ANTHROPIC_AUTH_TOKEN=${secret} claude`],
    ['ollama (JS)', `new Ollama({ host: '${base}', headers: { Authorization: 'Bearer ${secret}' } })`],
    ['ollama (Python)', `Client(host='${base}', headers={'Authorization': 'Bearer ${secret}'})`],
    ['curl', `curl ${base}/api/tags -H 'Authorization: Bearer ${secret}'`],
  ]
}

/** The secret, until it is put away. It is nowhere else. */
export function NewSecret({ made: { name, secret }, onClose }: { made: MadeKey; onClose: () => void }) {
  const [base, setBase] = useState(
    () => localStorage.getItem(stored) ?? `${location.protocol}//${location.hostname}:8080`,
  )
  const change = (value: string) => {
    setBase(value)
    localStorage.setItem(stored, value)
  }
  return (
    <section class="card secret" role="alert" aria-label={t('secret.title', { name })}>
      <div class="card-head">
        <h2>{t('secret.title', { name })}</h2>
        <button type="button" onClick={onClose}>
          {t('secret.close')}
        </button>
      </div>
      <p>{t('secret.once')}</p>
      <p>
        <Copy text={secret} />
      </p>
      <TextField label="secret.base" value={base} onChange={change} />
      <dl class="facts wide">
        {clientLines(base.replace(/\/+$/, ''), secret).map(([client, line]) => (
          <div key={client}>
            <dt>{client}</dt>
            <dd>
              <Copy text={line} />
            </dd>
          </div>
        ))}
      </dl>
    </section>
  )
}

/** A gateway that other machines reach without TLS. */
import { isPlain, plainHttp } from '../../policy/lint.ts'
import type { Check } from '../facts.ts'

const id = 'gate-plain-http'

/** Judges whether keys and prompts come to the gateway in plain text. */
export const gatePlain: Check = ({ policy: { listen }, inContainer }) => {
  if (!isPlain(listen, listen.tls)) return []
  if (inContainer)
    return [
      { id, why: 'whether the host of this container publishes the port without TLS cannot be seen here' },
    ]
  return [
    {
      id,
      severity: 'high',
      what: `The gateway listens on ${listen.host}, port ${listen.port}, without TLS.`,
      why: `${plainHttp[0]?.toUpperCase()}${plainHttp.slice(1)}.`,
      fix: 'Set `listen.tls: { cert, key }`, or `listen.address: 127.0.0.1:PORT` behind a TLS proxy. See deploy/tls.md.',
    },
  ]
}

/** From what the policy says to a way to the receiver. */
import type { SinkSettings } from '../../policy/policy.ts'
import { createHttpTransport } from './http.ts'
import type { SinkTransport } from './message.ts'
import { createSyslogDatagrams, createSyslogStream } from './syslog.ts'

/** Makes the transport that a sink of the policy asks for. @param out writes to stdout */
export function transportOf(
  { url, format, token }: SinkSettings,
  out: (text: string) => void,
): SinkTransport {
  const target = new URL(url)
  switch (target.protocol) {
    case 'stdout:':
      return {
        async send(records) {
          out(`${records.map(({ text }) => text).join('\n')}\n`)
        },
        close() {},
      }
    case 'udp:':
      return createSyslogDatagrams(target)
    case 'tcp:':
    case 'tls:':
      return createSyslogStream(target)
    default:
      return createHttpTransport(url, format === 'cef' ? 'text/plain' : 'application/x-ndjson', token)
  }
}

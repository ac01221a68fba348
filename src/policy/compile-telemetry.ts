/** Where traces and metrics go, and which labels metrics have, from what the policy file says. */
import { isLoopback } from './address.ts'
import type { Config } from './schema/schema.ts'
import type { Path, Report } from './source.ts'
import type { OtlpSettings, TelemetrySettings } from './telemetry-settings.ts'
import { urlFault } from './url-fault.ts'

type OtlpConfig = NonNullable<Config['telemetry']['otlp']>

/** Compiles `telemetry`. Reports URLs and headers that cannot be used. */
export function compileTelemetry({ telemetry }: Config, report: Report): TelemetrySettings {
  const { otlp, metrics } = telemetry
  return {
    otlp: otlp && compileOtlp(otlp, report),
    metrics: { ...metrics, labels: new Set(metrics.labels) },
  }
}

function compileOtlp({ url, headers, content, metrics }: OtlpConfig, report: Report): OtlpSettings {
  const path = ['telemetry', 'otlp']
  const fault = baseFault(url)
  if (fault !== undefined) report([...path, 'url'], fault)
  const lower = new Map<string, string>()
  for (const [name, value] of Object.entries(headers)) {
    const found = headerFault(name, value) ?? (lower.has(name.toLowerCase()) ? 'is there twice' : undefined)
    if (found !== undefined) report([...path, 'headers', name], found)
    lower.set(name.toLowerCase(), value)
  }
  return { url: url.replace(/\/+$/, ''), headers: Object.fromEntries(lower), content, metrics }
}

/** @returns what is wrong with the URL; it is never repeated, because it may hold a password */
function baseFault(text: string): string | undefined {
  const fault = urlFault(text, { schemes: ['http:', 'https:'], isShown: false })
  if (fault !== undefined) return fault
  const url = new URL(text)
  if (url.username !== '' || url.password !== '')
    return 'must not hold a user or password: put credentials into `headers`'
  if (url.search !== '' || url.hash !== '') return 'must end with its path: remove what is behind it'
  if (/\/v1\/(?:traces|metrics|logs)\/*$/.test(url.pathname))
    return 'is the base URL: remove `/v1/…`, which is added for each signal'
  return undefined
}

/** Set by the export itself. */
const ownHeaders: ReadonlySet<string> = new Set([
  'content-type',
  'content-length',
  'content-encoding',
  'transfer-encoding',
  'connection',
  'host',
])

function headerFault(name: string, value: string): string | undefined {
  // RFC 9110, sections 5.1 and 5.5.
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/.test(name)) return 'is not a name of a header'
  if (ownHeaders.has(name.toLowerCase())) return 'is set by the gateway: remove it'
  if (!/^[\t\x20-\x7e]*$/.test(value)) return 'has characters that a header cannot carry'
  return undefined
}

/** Finds what leaves the machine unencrypted. */
export function telemetryDoubts({ telemetry: { otlp } }: Config): { path: Path; message: string }[] {
  if (!otlp || baseFault(otlp.url) !== undefined) return []
  const { protocol, hostname } = new URL(otlp.url)
  if (protocol === 'https:' || isLoopback(hostname.replace(/^\[|\]$/g, ''))) return []
  const what =
    otlp.content === 'masked' ? 'who asks what, texts of prompts and answers' : 'who asks which model'
  const message = `${what} and the headers go to another machine over plain HTTP, which anyone on the way can read: use https`
  return [{ path: ['telemetry', 'otlp', 'url'], message }]
}

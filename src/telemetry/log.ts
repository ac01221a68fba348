/**
 * The operational log: JSON lines on stdout. It tells what the gate does, never what callers said: no prompt,
 * answer, credential or header value is handed to it. Two locks stand behind that rule: fields with telling names are
 * redacted, and of every line that leaves, what looks like personal data or a secret is masked, whoever wrote it.
 */
import { type Logger, destination as openDestination, pino } from 'pino'
import { createMasker, findSensitive } from '../detect/sensitive/mask.ts'

/** The operational log. */
export type Log = Logger

const secretNames = [
  'authorization',
  'password',
  'token',
  'key',
  'secret',
  'cookie',
  'apiKey',
  'prompt',
  'answer',
  'body',
]
/** Fields in which only words of our own stand: addresses of the policy, digests, signatures. They look like secrets. */
const ownNames: ReadonlySet<string> = new Set([
  'time',
  'level',
  'data',
  'admin',
  'hash',
  'proof',
  'policy',
  'before',
  'instance',
  'redis',
])
/** Where a caller's address stands. */
const peerName = 'peer'

interface Destination {
  write(line: string): void
}

/**
 * Creates a log.
 * @param level the lowest level that is written
 * @param destination stdout by default
 * @param base fields of every line
 */
export function createLog(
  level: string,
  destination: Destination = openDestination(1),
  base: object | null = null,
): Log {
  const options = {
    level,
    base,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: {
      paths: secretNames.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]),
      censor: '<redacted>',
    },
  }
  let plain: ReadonlySet<string> = ownNames
  const log = pino(options, { write: (line: string) => destination.write(masked(line, plain)) })
  switches.set(log, (shown) => {
    plain = shown ? new Set([...ownNames, peerName]) : ownNames
  })
  return log
}

const switches = new WeakMap<Log, (shown: boolean) => void>()

/** Whether callers' addresses are written out from now on, instead of being masked like other personal data. */
export function showAddresses(log: Log, shown: boolean): void {
  switches.get(log)?.(shown)
}

function masked(line: string, plain: ReadonlySet<string>): string {
  if (findSensitive(line).length === 0) return line
  const { mask } = createMasker(findSensitive)
  try {
    return `${JSON.stringify(JSON.parse(line, (name, value: unknown) => (plain.has(name) ? value : cleaned(value, mask))))}\n`
  } catch {
    // No line is better than one that cannot be judged.
    return `${JSON.stringify({ level: 'error', time: new Date().toISOString(), msg: 'a log line was withheld, because it could not be masked' })}\n`
  }
}

function cleaned(value: unknown, mask: (text: string) => string): unknown {
  if (typeof value === 'number') {
    const text = String(value)
    return findSensitive(text).length > 0 ? mask(text) : value
  }
  return typeof value === 'string' ? mask(value) : value
}

/**
 * The operational log: JSON lines on stdout. It tells what the gate does, never what callers said: no prompt,
 * answer, credential or header value is handed to it.
 */
import { type Logger, pino } from 'pino'

export type Log = Logger

export function createLog(level: string, destination?: { write(line: string): void }): Log {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    // A second lock behind the rule above.
    redact: {
      paths: [
        '*.authorization',
        '*.password',
        '*.token',
        '*.key',
        'authorization',
        'password',
        'token',
        'key',
      ],
      censor: '<redacted>',
    },
  }
  return destination ? pino(options, destination) : pino(options)
}

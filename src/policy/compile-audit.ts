/** How the audit log is kept and forwarded, from what the policy file says. */
import { resolve } from 'node:path'
import { parseDuration, parseSize } from '../core/units.ts'
import type { AuditSettings } from './policy.ts'
import type { Config } from './schema/schema.ts'
import type { Report } from './source.ts'
import { urlFault } from './url-fault.ts'

/** Compiles `audit`. Reports receivers that cannot be reached by what is written. */
export function compileAudit(
  { maxText, retention, segment, checkpoint, ...rest }: Config['audit'],
  folder: string,
  report: Report,
): AuditSettings {
  checkSinks(rest.forward, report)
  return {
    ...rest,
    file: resolve(folder, rest.file),
    maxTextBytes: parseSize(maxText) ?? 0,
    retentionMs: parseDuration(retention) ?? 0,
    segmentBytes: parseSize(segment) ?? 0,
    checkpoint: { records: checkpoint.records, everyMs: parseDuration(checkpoint.every) ?? 0 },
  }
}

function checkSinks(sinks: Config['audit']['forward'], report: Report): void {
  const names = new Set<string>()
  for (const [index, { name, url }] of sinks.entries()) {
    const path = ['audit', 'forward', index]
    if (names.has(name)) report([...path, 'name'], `is also the name of another receiver: ${name}`)
    names.add(name)
    const fault = urlFault(url, { schemes: sinkProtocols, isShown: false })
    const { protocol, port } = fault === undefined ? new URL(url) : { protocol: '', port: '' }
    if (fault !== undefined) report([...path, 'url'], fault)
    else if (['tcp:', 'tls:', 'udp:'].includes(protocol) && port === '')
      report([...path, 'url'], `needs a port, such as ${protocol}//HOST:514`)
  }
}

const sinkProtocols = ['stdout:', 'http:', 'https:', 'tcp:', 'tls:', 'udp:']

/** From `listen.tls` to its files, looked at as `serve` will look at them. */
import { resolve } from 'node:path'
import type { TlsSettings } from './callers.ts'
import { isReadable } from './readable.ts'
import type { Config } from './schema/schema.ts'
import type { Report } from './source.ts'
import { readTls, TlsFault } from './tls-files.ts'

/** Compiles `listen.tls`. Reads the files once to report what is wrong with them. */
export function compileTls(
  tls: Config['listen']['tls'],
  folder: string,
  report: Report,
): TlsSettings | undefined {
  if (!tls) return undefined
  const path = (text: string) => resolve(folder, text)
  const settings: TlsSettings = {
    cert: path(tls.cert),
    key: path(tls.key),
    clientCa: tls.clientCa && path(tls.clientCa),
    clientCert: tls.clientCert,
    crl: tls.crl && path(tls.crl),
  }
  const unreadable = (['cert', 'key', 'clientCa', 'crl'] as const).filter(
    (key) => settings[key] !== undefined && !isReadable(settings[key]),
  )
  for (const key of unreadable) report(['listen', 'tls', key], `cannot be read: ${tls[key]}`)
  if (unreadable.length === 0) checkFiles(settings, report)
  if (tls.clientCa !== undefined) return settings
  if (tls.clientCert === 'required')
    report(['listen', 'tls', 'clientCert'], 'is `required`, which needs `clientCa`')
  if (tls.crl !== undefined) report(['listen', 'tls', 'crl'], 'has no effect without `clientCa`')
  return settings
}

function checkFiles(settings: TlsSettings, report: Report): void {
  try {
    readTls(settings)
  } catch (error) {
    if (!(error instanceof TlsFault)) throw error
    report(['listen', 'tls', error.at], error.fault)
  }
}

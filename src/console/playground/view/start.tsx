/** Starts the page: once for the console, once for the single file, which start their workers differently. */
import { render } from 'preact'
import { type ScanSettings, shippedSettings } from '../../../detect/scan-settings.ts'
import { App } from './app.tsx'

/** Shows the playground in the page. @param startWorker called once */
export function start(startWorker: () => Worker): void {
  const root = document.getElementById('root')
  if (root) render(<App settings={embeddedSettings()} startWorker={startWorker} />, root)
}

/** Settings that the gateway or `torwart playground` put into the page; undefined if the page is as it was built. */
function embeddedSettings(): ScanSettings | undefined {
  const text = document.getElementById('settings')?.textContent ?? 'null'
  const given = JSON.parse(text) as Partial<ScanSettings> | null
  return given === null ? undefined : { ...shippedSettings, ...given }
}

/**
 * The scanner in a browser: the modules as they were built, served from this machine, in Chromium; the same findings as
 * here, text by text.
 */
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, normalize } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createScanner } from '../../src/detect/injection/scanner.ts'
import { loadPacks, packSources } from '../../src/policy/packs.ts'
import { attacks, disguises, harmless } from './disguised.ts'

const root = new URL('../../', import.meta.url).pathname
const chromium = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find(existsSync)
const isBuilt = existsSync(join(root, 'dist-modules/detect/injection/scanner.js'))

/** All that the other tests of the scanner read, in two channels. */
const texts = [
  ...Object.values(disguises).flatMap((disguise) => [...attacks, ...harmless].map(disguise)),
  ...loadPacks().flatMap(({ catches, leaves }) => [...catches, ...leaves]),
]
const channels = ['user', 'document'] as const

const imports = {
  re2js: '/node_modules/re2js/build/index.js',
  'lru-cache': '/node_modules/lru-cache/dist/esm/browser/index.min.js',
}
const page = `<!doctype html><meta charset="utf-8"><pre id="found"></pre>
<script type="importmap">${JSON.stringify({ imports })}</script>
<script type="module">
import { createScanner } from '/dist-modules/detect/injection/scanner.js'
import { createRecall } from '/dist-modules/detect/injection/scan-cache.js'
import { compilePack } from '/dist-modules/detect/injection/signature.js'
const { words, packs, texts, channels } = await (await fetch('/given.json')).json()
const scanner = createScanner(packs.flatMap((pack) => compilePack(pack, words).signatures))
let scans = 0
const recalls = channels.map((channel) => createRecall((text) => (scans++, scanner.scan(text, channel))))
const scanAll = () => texts.map((text) => recalls.map((recall) => recall.of(text, 'me')))
const found = { first: scanAll(), scans, again: scanAll() }
await fetch('/found', { method: 'POST', body: JSON.stringify(found) })
document.getElementById('found').textContent = 'done'
</script>`

let found: unknown
const server = createServer((request, response) => {
  const path = normalize((request.url ?? '/').split('?')[0] ?? '/')
  if (path === '/found') {
    const pieces: Buffer[] = []
    request.on('data', (piece: Buffer) => pieces.push(piece))
    request.on('end', () => {
      found = JSON.parse(Buffer.concat(pieces).toString('utf8'))
      response.end()
    })
    return
  }
  if (path === '/') response.setHeader('content-type', 'text/html').end(page)
  else if (path === '/given.json') response.end(JSON.stringify({ ...packSources(), texts, channels }))
  else if (
    /^\/(dist-modules\/(detect|core)|node_modules\/(re2js\/build|lru-cache\/dist\/esm\/browser))\/[\w./-]+\.js$/.test(
      path,
    )
  )
    response.setHeader('content-type', 'text/javascript').end(readFileSync(join(root, path)))
  else response.writeHead(404).end()
})

beforeAll(() => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)))
afterAll(() => server.close())

it.skipIf(!chromium || !isBuilt)('finds the same in Chromium as in Node', { timeout: 120_000 }, async () => {
  const profile = mkdtempSync(join(tmpdir(), 'torwart-chromium-'))
  try {
    const flags =
      '--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-component-update --disable-sync --virtual-time-budget=60000'
    const { port } = server.address() as AddressInfo
    await promisify(execFile)(
      chromium ?? '',
      [...flags.split(' '), `--user-data-dir=${profile}`, '--dump-dom', `http://127.0.0.1:${port}/`],
      { timeout: 110_000 },
    )
  } finally {
    rmSync(profile, { recursive: true, force: true })
  }
  const scanner = createScanner(loadPacks())
  const expected = texts.map((text) => channels.map((channel) => scanner.scan(text, channel)))
  expect(texts.length).toBeGreaterThan(3000)
  const same = JSON.parse(JSON.stringify(expected)) as unknown
  expect(found).toEqual({ first: same, scans: texts.length * channels.length, again: same })
})

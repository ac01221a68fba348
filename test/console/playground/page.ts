/** The two variants of the playground in Chromium: as the console serves it, and as a file on disk. */
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join } from 'node:path'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import type { Channel } from '../../../src/core/text.ts'

const dist = new URL('../../../dist/', import.meta.url).pathname

export const chromiumPath = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find(existsSync)
export const isBuilt = existsSync(join(dist, 'console/playground/standalone.html'))

/** As the gateway sends them; `test/http/` has the gateway's own. */
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; worker-src 'self'; connect-src 'none'; img-src 'none'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
const types: Readonly<Record<string, string>> = { '.js': 'text/javascript', '.css': 'text/css' }

export interface Variants {
  readonly browser: Browser
  /** Requests that reached the server for what no page may ask for: `/leak`. */
  readonly leaks: () => number
  readonly leakAddress: string
  /** Addresses by name. */
  readonly addresses: Readonly<Record<'console' | 'file', string>>
  close(): Promise<void>
}

export async function openVariants(): Promise<Variants> {
  let leaks = 0
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://gate').pathname
    if (path === '/leak') leaks++
    response.setHeader('content-security-policy', policy)
    if (path === '/console/playground') {
      response.setHeader('content-type', 'text/html')
      response.end(readFileSync(join(dist, 'console/playground/index.html')))
    } else if (/^\/console\/assets\/[\w.-]+$/.test(path)) {
      response.setHeader('content-type', types[extname(path)] ?? 'text/plain')
      response.end(readFileSync(join(dist, path)))
    } else response.writeHead(404).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const browser = await chromium.launch({
    executablePath: chromiumPath ?? '',
    args: ['--no-sandbox', '--disable-gpu'],
  })
  return {
    browser,
    leaks: () => leaks,
    leakAddress: `http://127.0.0.1:${port}/leak`,
    addresses: {
      console: `http://127.0.0.1:${port}/console/playground`,
      file: `file://${dist}console/playground/standalone.html`,
    },
    async close() {
      await browser.close()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** A page that has loaded its signatures, with what it asked for since, and what it complained of. */
export interface OpenPage {
  readonly page: Page
  readonly requests: string[]
  readonly complaints: string[]
}

export async function openPage(
  { browser }: Variants,
  address: string,
  options: BrowserContextOptions = {},
): Promise<OpenPage> {
  const context = await browser.newContext({ locale: 'en-GB', ...options })
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('pageerror', ({ message }) => complaints.push(message))
  page.on('dialog', (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`)
    void dialog.dismiss()
  })
  page.on('console', (message) => {
    // Chromium asks for an icon of its own accord, and the policy refuses.
    if (message.type() === 'error' && !message.text().includes('favicon')) complaints.push(message.text())
  })
  await page.goto(address)
  await page.getByText('Enter a text or choose an example.').waitFor()
  const requests: string[] = []
  context.on('request', (request) => requests.push(request.url()))
  return { page, requests, complaints }
}

/** Enters a text as somebody who pastes it, and waits for the result. */
export async function enter(page: Page, text: string, channel: Channel): Promise<void> {
  await page
    .getByRole('button', { name: 'Clear' })
    .click({ timeout: 1000 })
    .catch(() => undefined)
  await page.getByLabel('Where it comes from').selectOption(channel)
  await page.getByLabel('Text to inspect').fill(text)
  await page.locator('#findings').waitFor()
}

/** What the page says of the text. */
export async function shown(page: Page): Promise<{
  readonly ids: string[]
  readonly places: string[]
  readonly decision: string
  readonly masked: string | undefined
}> {
  const masked = page.locator('pre.masked')
  return {
    ids: await page.locator('.findings code').allTextContents(),
    places: await page.locator('.findings .place').allTextContents(),
    decision: (await page.locator('.decision').textContent()) ?? '',
    masked: (await masked.count()) > 0 ? ((await masked.textContent()) ?? '') : undefined,
  }
}

/** The live view with more rows than a page can hold: what is in the page, how it scrolls, and the keyboard. */
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RunningGate, startGate } from '../rig/gate.ts'
import { canBrowse, comeTo, type Person, signInAs, startBrowser } from './browser.ts'

const token = 'an-admin-token-of-the-tests'
const count = 10_000
const markup = '<img src=x onerror="document.title=1">'
const rowOf = (index: number) => ({
  ...{ id: `request-${index}`, time: new Date(1.9e12 - index * 1000).toISOString() },
  key: { kind: 'key', id: 'BD2FkbnDxT57', name: index === 0 ? markup : `agent ${index}`, role: 'agent' },
  ...{ route: '/api/chat', model: 'smollm2:135m', upstream: 'local', outcome: 'answered', status: 200 },
  ...{ findings: [], tokens: { in: index, out: 1 }, ms: 12, firstByteMs: 3, queuedMs: 0, chain: '' },
})
const hello = { now: new Date().toISOString(), recent: Array.from({ length: count }, (_, at) => rowOf(at)) }

describe.skipIf(!canBrowse)('ten thousand rows', () => {
  let browser: Browser
  let gate: RunningGate
  let person: Person
  let page: Page

  beforeAll(async () => {
    gate = await startGate({ upstream: 'http://127.0.0.1:1', admin: `token: ${token}` })
    browser = await startBrowser()
    person = await comeTo(browser, gate.admin)
    page = person.page
    // A real gate tells the last two hundred; the page must also cope with what it has gathered for hours.
    await page.route('**/admin/v1/live', (route) =>
      route.fulfill({
        contentType: 'text/event-stream',
        body: `event: hello\ndata: ${JSON.stringify(hello)}\n\n`,
      }),
    )
    await signInAs(person, token)
    await page.getByText('10,000 requests').waitFor()
  })
  afterAll(async () => {
    await browser?.close()
    await gate?.close()
  })

  it('are a few dozen elements, and say how many they are', async () => {
    expect(await page.locator('tbody tr').count()).toBeLessThan(60)
    expect(await page.getByRole('table', { name: 'Live' }).getAttribute('aria-rowcount')).toBe('10001')
  })

  it('are gone through by keyboard, from the first to the last', async () => {
    await page.locator('tbody a').first().focus()
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('PageDown')
    const focused = page.locator('tbody tr:has(a:focus)')
    expect(await focused.getAttribute('aria-rowindex')).toBe('13')
    await page.keyboard.press('End')
    await page.locator('tr[aria-rowindex="10001"] a:focus').waitFor()
    await page.keyboard.press('Enter')
    await page.waitForURL('**/console/live/request-9999')
    await page.getByRole('link', { name: 'Close' }).click()
    await page.waitForURL('**/console/live')
  })

  it('show markup as text', async () => {
    await page.locator('tbody a[tabindex="0"]').focus()
    await page.keyboard.press('Home')
    await page.getByText(markup).waitFor()
    expect(await page.locator('tbody img').count()).toBe(0)
    expect(person.complaints).toEqual([])
  })
})

/** A browser, and people in it who are signed in to a gate's console. */
import { existsSync } from 'node:fs'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'

const executable = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find(existsSync)

/** Whether there are a browser and the built pages. */
export const canBrowse =
  executable !== undefined && existsSync(new URL('../../dist/console/index.html', import.meta.url))

/** A person with a browser window of their own. */
export interface Person {
  readonly page: Page
  /** What the browser complained about: errors of scripts, and what the content security policy stopped. */
  readonly complaints: readonly string[]
  /** Goes to a page of the console by its address. */
  open(path: string): Promise<void>
  leave(): Promise<void>
}

export function startBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: executable ?? '', args: ['--no-sandbox'] })
}

/** Opens a window that nobody is signed in with. @param admin the address of the admin listener */
export async function comeTo(browser: Browser, admin: string, locale = 'en'): Promise<Person> {
  const context = await browser.newContext({ locale, viewport: { width: 1440, height: 900 } })
  await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: admin })
  return personIn(context, admin)
}

async function personIn(context: BrowserContext, admin: string): Promise<Person> {
  const page = await context.newPage()
  page.setDefaultTimeout(10_000)
  const complaints: string[] = []
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('console', (message) => {
    // A status that a page expects and shows is logged as an error of the network, too.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
      complaints.push(message.text())
  })
  return {
    page,
    complaints,
    open: async (path) => void (await page.goto(`${admin}/console/${path}`)),
    leave: () => context.close(),
  }
}

/** Signs in by the form. @param secret the admin token, or a key */
export async function signInAs(person: Person, secret: string): Promise<void> {
  await person.open('')
  await person.page.getByLabel('Admin token or API key').fill(secret)
  await person.page.keyboard.press('Enter')
  await person.page.getByRole('button', { name: 'Sign out' }).waitFor()
}

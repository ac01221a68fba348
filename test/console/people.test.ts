/** People before the console: without a mouse, two at once, by a one-time link, and one who has gone to lunch. */
import type { Browser, Locator, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type RunningGate, startGate } from '../rig/gate.ts'
import { likeOllama, type ModelServer, type Script, startModelServer } from '../rig/model-server.ts'
import { canBrowse, comeTo, type Person, signInAs, startBrowser } from './browser.ts'

const token = 'an-admin-token-of-the-tests'
const settings = {
  admin: `token: ${token}`,
  role: `    routes: [chat]
    models: ["smollm2:*"]
    tools: { approve: [pay] }`,
  more: 'approval: { wait: 60s }\n',
}
const paying: Script = (seen, response) => {
  if (seen.method !== 'POST') return likeOllama(seen, response)
  const call = { function: { name: 'pay', arguments: { amount: 5, to: 'unknown-payee' } } }
  const message = { role: 'assistant', content: '', tool_calls: [call] }
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify({ model: 'smollm2:135m', message, done: true, done_reason: 'stop' }))
  return undefined
}

describe.skipIf(!canBrowse)('people before the console', () => {
  let browser: Browser
  let gate: RunningGate
  let model: ModelServer
  const people: Person[] = []
  const come = async () => {
    const person = await comeTo(browser, gate.admin)
    people.push(person)
    return person
  }
  /** A client that waits for a yes. @returns what it is answered */
  const pay = (what: string) =>
    gate
      .post('/api/chat', {
        ...{ model: 'smollm2:135m', stream: false },
        messages: [{ role: 'user', content: what }],
      })
      .then((response) => response.text())

  beforeAll(async () => {
    model = await startModelServer()
    gate = await startGate({ upstream: model.url, ...settings })
    browser = await startBrowser()
  })
  afterAll(async () => {
    await browser?.close()
    await gate?.close()
    await model?.close()
  })
  beforeEach(() => {
    model.script = paying
  })
  afterEach(async () => {
    const all = people.splice(0)
    expect(all.flatMap(({ complaints }) => complaints)).toEqual([])
    for (const person of all) await person.leave()
  })

  it('sign in, freeze a key, lift that, approve a call and sign out by keyboard alone', async () => {
    const { page, open } = await come()
    const press = async (name: string | RegExp, role: 'button' | 'link' = 'button') => {
      await tabTo(page, page.getByRole(role, { name, exact: typeof name === 'string' }))
      await page.keyboard.press('Enter')
    }
    await open('')
    await page.getByLabel('Admin token or API key').waitFor()
    await page.keyboard.type(token)
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Live' }).waitFor()

    await press('Kill switch', 'link')
    await tabTo(page, page.getByLabel('Name'))
    await page.keyboard.type(gate.keyId)
    await page.keyboard.press('Enter')
    await press('Freeze now')
    await page.getByRole('button', { name: /^Lift the freeze/ }).waitFor()
    expect(await pay('frozen')).toContain('frozen')
    await press(/^Lift the freeze/)
    await press('Lift')
    await page.getByText('Nothing is frozen').waitFor()

    const waits = pay('by keyboard')
    await press(/^Approvals/, 'link')
    await page.getByRole('heading', { name: 'pay' }).waitFor()
    await press('Approve')
    // The reason has the focus, and is not needed.
    await page.getByRole('dialog').waitFor()
    await page.keyboard.press('Enter')
    expect(await waits).toContain('unknown-payee')

    await press('Sign out')
    await page.getByText('You are signed out.').waitFor()
  })

  it('see the same call, and who comes second is told that it is decided', async () => {
    const [first, second] = [await come(), await come()]
    for (const person of [first, second]) {
      await signInAs(person, token)
      await person.open('approvals')
    }
    const waits = pay('two at once')
    for (const { page } of [first, second]) await page.getByRole('heading', { name: 'pay' }).waitFor()
    await second.page.getByRole('button', { name: 'Approve' }).click()
    await second.page.getByRole('dialog').waitFor()
    await first.page.getByRole('button', { name: 'Deny' }).click()
    await first.page.getByLabel('Reason').fill('not today')
    await first.page.getByRole('dialog').getByRole('button', { name: 'Deny' }).click()
    expect(await waits).not.toContain('unknown-payee')
    await second.page.getByRole('dialog').getByRole('button', { name: 'Approve' }).click()
    await second.page.getByRole('dialog').getByText('This approval is already decided.').waitFor()
    await second.page.keyboard.press('Escape')
    await second.page.getByText('not today').waitFor()
  })

  it('are signed in by a link once, and the address keeps nothing of it', async () => {
    const link = gate.makeSignInLink() ?? ''
    const { page } = await come()
    await page.goto(link)
    await page.getByRole('button', { name: 'Sign out' }).waitFor()
    expect(page.url()).not.toContain('link=')
    const other = await come()
    await other.page.goto(link)
    await other.page.getByRole('alert').waitFor()
    expect(await other.page.getByRole('button', { name: 'Sign out' }).count()).toBe(0)
  })

  it('are warned and then signed out when they do nothing', async () => {
    const person = await come()
    const { page } = person
    await page.clock.install()
    await signInAs(person, token)
    await page.clock.fastForward('14:20')
    await page.getByRole('button', { name: 'Stay signed in' }).click()
    await page.getByText('You will be signed out within a minute').waitFor({ state: 'detached' })
    await page.clock.fastForward('15:05')
    await page.getByText('You were signed out').waitFor()
    await page.reload()
    await page.getByLabel('Admin token or API key').waitFor()
  })
})

/** Presses Tab until something has the focus. @throws if it cannot be reached */
async function tabTo(page: Page, wanted: Locator): Promise<void> {
  await wanted.first().waitFor()
  const focused = wanted.first().and(page.locator(':focus'))
  for (let steps = 0; steps < 100; steps++) {
    if ((await focused.count()) > 0) return
    await page.keyboard.press('Tab')
  }
  throw new Error(`${wanted} is not reached by keyboard`)
}

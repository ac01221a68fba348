/** What a chat tool is told: signed, again when it does not listen, and never without end. */
import { createServer, type IncomingHttpHeaders } from 'node:http'
import { afterEach, expect, it } from 'vitest'
import { approvalOf } from '../../src/approvals/approval.ts'
import { createApprovalWebhook } from '../../src/approvals/webhook.ts'
import type { ApprovalSettings } from '../../src/policy/notifications.ts'
import { signatureOf } from '../../src/telemetry/webhook.ts'
import { wish } from '../rig/approvals.ts'
import { until } from '../rig/wait.ts'

const open: (() => void)[] = []
afterEach(() => {
  for (const close of open.splice(0).reverse()) close()
})

interface Told {
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** @param answers the statuses of its answers, the last again and again; undefined hangs up */
async function listener(...answers: (number | undefined)[]) {
  const told: Told[] = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const piece of request) body += piece
    const status = answers[Math.min(told.length, answers.length - 1)]
    told.push({ headers: request.headers, body })
    if (status === undefined) request.socket.destroy()
    else
      response.writeHead(status, status === 302 ? { location: '/elsewhere' } : {}).end('words nobody reads')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  open.push(() => {
    server.close()
    server.closeAllConnections()
  })
  const address = server.address()
  return { told, url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/hook` }
}

function webhookAt(url: string, shows: 'masked' | 'plain' = 'masked') {
  const problems: string[] = []
  const settings: ApprovalSettings = {
    waitMs: 0,
    validMs: 1000,
    approvers: new Set(),
    arguments: shows,
    tellWhy: false,
    webhook: { url, secret: 'a shared secret' },
  }
  const webhook = createApprovalWebhook({
    settings: () => settings,
    now: () => 1_900_000_000_000,
    report: (problem) => void problems.push(problem),
    pauseMs: 1,
  })
  open.push(webhook.close)
  return { webhook, problems }
}
const secret = { to: 'mallory@example.org' }
const approval = approvalOf({ ...wish, arguments: secret }, 'plain')

it('is signed, and says no more than approvers may see', async () => {
  const { told, url } = await listener(204)
  webhookAt(url).webhook.tell('requested', approval)
  const [{ headers, body } = { headers: {}, body: '' }] = await until(() => told.length === 1 && told)
  const timestamp = String(headers['x-torwart-timestamp'])
  expect(timestamp).toBe('1900000000')
  expect(headers['x-torwart-signature']).toBe(`v1=${signatureOf('a shared secret', timestamp, body)}`)
  expect(signatureOf('a shared secret', timestamp, `${body} `)).not.toBe(
    signatureOf('a shared secret', timestamp, body),
  )
  expect(JSON.parse(body)).toMatchObject({
    event: 'requested',
    approval: {
      id: approval.id,
      request: 'request1',
      tool: wish.tool,
      arguments: '{"to":"<email:1>"}',
      state: 'pending',
    },
  })
  expect(body).not.toContain(approval.digest)
  webhookAt(url, 'plain').webhook.tell('requested', approval)
  await until(() => told.length === 2)
  expect(told[1]?.body).toContain('mallory@example.org')
})

it('is tried again until somebody takes it', async () => {
  const { told, url } = await listener(500, undefined, 302, 200)
  const { webhook, problems } = webhookAt(url)
  webhook.tell('approved', approval)
  await until(() => told.length === 4)
  expect(new Set(told.map(({ body }) => body)).size).toBe(1)
  expect(problems).toEqual([])
})

it('gives up in the end, and says so', async () => {
  const { told, url } = await listener(500)
  const { webhook, problems } = webhookAt(url)
  webhook.tell('denied', approval)
  await until(() => problems.length === 1)
  expect([told.length, problems[0]]).toEqual([
    6,
    expect.stringMatching(/^the webhook did not accept approval ap_/),
  ])
})

it('keeps no more than so many waiting', async () => {
  const { webhook, problems } = webhookAt('http://127.0.0.1:1/')
  for (let index = 0; index < 300; index++) webhook.tell('requested', approval)
  expect(problems).toHaveLength(300 - 256 - 4)
  expect(problems[0]).toMatch(/too slow/)
})

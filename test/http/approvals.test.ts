/** A human's yes from outside: the admin API, who may decide, the command line, restarts, several gateways. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Approval, type ApprovalRequest, approvalOf } from '../../src/approvals/approval.ts'
import { createRedisApprovals } from '../../src/approvals/redis.ts'
import { mintKey } from '../../src/auth/api-keys/key.ts'
import { readKeyFile, writeKeyFile } from '../../src/auth/api-keys/key-file.ts'
import { loadPolicy } from '../../src/policy/load.ts'
import { createRedisClient } from '../../src/redis/client.ts'
import { wish } from '../rig/approvals.ts'
import { cli } from '../rig/cli.ts'
import { entryOf, type GateSettings, policyText, type RunningGate, startGate } from '../rig/gate.ts'
import { hasRedis, startRedis } from '../rig/redis.ts'
import { serversAt } from '../rig/stores.ts'
import { until } from '../rig/wait.ts'

const open: { close(): Promise<void> | void }[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

const token = 'a-token-long-enough'
const boss = mintKey()
const clerk = mintKey()
const keys = [
  { ...entryOf(boss.key, boss.id, 'approver'), name: 'boss' },
  { ...entryOf(clerk.key, clerk.id, 'clerk'), name: 'clerk' },
]
const nextRole = `    routes: [chat]
    models: ["smollm2:*"]
  approver: { routes: [] }
  clerk: { routes: [] }`

/** Questions that were asked before this gate started. */
function pending(
  policy: string,
  more: Partial<ApprovalRequest> = {},
  shows: 'masked' | 'plain' = 'masked',
): Approval {
  const asked = Date.now()
  return { ...approvalOf({ ...wish, policy, ...more }, shows), asked, until: asked + 600_000 }
}

interface Started {
  readonly gate: RunningGate
  readonly approvals: readonly Approval[]
}
async function start(
  make: (policy: string) => readonly Approval[],
  { approval = '{}', adminKeys = `token: ${token}`, more = '' } = {},
): Promise<Started> {
  const folder = mkdtempSync(join(tmpdir(), 'torwart-approvals-'))
  open.push({ close: () => rmSync(folder, { recursive: true }) })
  const settings: GateSettings = {
    // Nobody is asked here.
    upstream: 'http://127.0.0.1:1',
    admin: adminKeys,
    role: nextRole,
    keys,
    auditFile: join(folder, 'audit.jsonl'),
    variables: { AUDIT: join(folder, 'audit.jsonl') },
    // The same text, and so the same version, for every gateway.
    more: `audit: { file: "\${AUDIT}" }\napproval: ${approval}\n${more}`,
  }
  const file = join(folder, 'torwart.yaml')
  writeFileSync(file, policyText(settings))
  const approvals = make(loadPolicy(file, settings.variables ?? {}).policy.version)
  writeFileSync(join(folder, 'approvals.json'), JSON.stringify(approvals))
  const gate = await startGate(settings)
  open.push(gate)
  return { gate, approvals }
}
const ask = async (
  { gate }: Started,
  method: string,
  path = '',
  body?: unknown,
  bearer: string | undefined = token,
) => {
  const response = await fetch(`${gate.admin}/admin/v1/approvals${path}`, {
    method,
    headers: {
      ...(bearer === '' ? {} : { authorization: `Bearer ${bearer}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}
const eventsOf = ({ gate }: Started, name: string) => gate.records().filter(({ event }) => event === name)
const list = async (started: Started, bearer = token) =>
  (await ask(started, 'GET', '', undefined, bearer)).body.approvals as Record<string, unknown>[]

describe('the admin API', () => {
  let started: Started
  let one: Approval
  let two: Approval
  beforeEach(async () => {
    started = await start((policy) => [
      pending(policy, { arguments: { to: 'mallory@example.org' } }),
      pending(policy, { tool: 'delete_all' }),
    ])
    ;[one, two] = started.approvals as [Approval, Approval]
  })

  it('lists what waits, masked and without the digest', async () => {
    const approvals = await list(started)
    expect(approvals.map(({ id, tool, state }) => [id, tool, state])).toEqual([
      [one.id, 'transfer_eu', 'pending'],
      [two.id, 'delete_all', 'pending'],
    ])
    expect(approvals[0]).toMatchObject({ arguments: '{"to":"<email:1>"}', model: 'qwen3:8b', by: null })
    expect(JSON.stringify(approvals)).not.toMatch(/mallory|digest|plain/)
  })

  it('takes a yes and a no, once each, and records who and why', async () => {
    const yes = await ask(started, 'POST', `/${one.id}/approve`, { by: 'alice', why: 'mail bob@example.org' })
    expect(yes).toMatchObject({
      status: 200,
      body: { state: 'approved', by: 'alice', why: 'mail <email:1>' },
    })
    expect((await ask(started, 'POST', `/${one.id}/deny`, { why: 'changed my mind' })).status).toBe(409)
    const no = await ask(started, 'POST', `/${two.id}/deny`, { why: 'too much' })
    expect(no.body).toMatchObject({ state: 'denied', by: 'holder of the admin token' })
    await until(() => eventsOf(started, 'approval denied').length === 1)
    expect(eventsOf(started, 'approval approved')).toMatchObject([
      {
        approval: one.id,
        by: 'alice',
        why: 'mail <email:1>',
        tool: 'transfer_eu',
        identity: { id: 'agent1' },
      },
    ])
    // What must be erasable stands in the record of the request alone.
    expect(JSON.stringify(eventsOf(started, 'approval approved'))).not.toMatch(/arguments|"name"/)
    expect(JSON.stringify(started.gate.records())).not.toMatch(/mallory|bob@/)
    const metrics = await fetch(`${started.gate.admin}/metrics`, {
      headers: { authorization: `Bearer ${token}` },
    })
    expect(await metrics.text()).toContain('torwart_approvals_total{event="approved"} 1')
  })

  it.each([
    ['GET', '', undefined, 401, 'wrong'],
    ['GET', '', undefined, 401, ''],
    ['POST', '/ID/approve', {}, 401, 'wrong'],
    ['POST', '/ID/approve', {}, 401, boss.key.slice(0, -1)],
    ['POST', '/ID/approve', {}, 403, boss.key],
    ['GET', '', undefined, 403, boss.key],
    ['POST', '/ID/deny', {}, 400, token],
    ['POST', '/ID/deny', { why: '' }, 400, token],
    ['POST', '/ID/approve', { because: 'x' }, 400, token],
    ['POST', '/ID/approve', { by: 5 }, 400, token],
    ['POST', '/ap_00000000000000000000/approve', {}, 404, token],
    ['POST', '/nonsense/approve', {}, 404, token],
    ['POST', '/..%2f/approve', {}, 404, token],
  ])('refuses %s %s %j with %i', async (method, path, body, status, bearer) => {
    expect((await ask(started, method, path.replace('ID', one.id), body, bearer)).status).toBe(status)
    expect((await list(started)).every(({ state }) => state === 'pending')).toBe(true)
  })

  it('lets a key of an approver no further than approvals', async () => {
    for (const path of [
      '/admin/v1/freezes',
      '/metrics',
      '/admin/v1/approvalsx',
      '/admin/v1/approvals/../freezes',
    ])
      expect(
        (await fetch(started.gate.admin + path, { headers: { authorization: `Bearer ${boss.key}` } })).status,
      ).toBe(401)
  })
})

it('a yes given under another policy is none', async () => {
  const started = await start(() => [pending('ffffffffffff')])
  const { status, body } = await ask(started, 'POST', `/${started.approvals[0]?.id}/approve`, {})
  expect([status, body.error]).toEqual([409, expect.stringMatching(/policy has changed/)])
})

it('a question under another policy says so, and may be denied', async () => {
  const started = await start((policy) => [pending('ffffffffffff'), pending(policy, { tool: 'x' })])
  expect((await list(started)).map(({ outdated }) => outdated).toSorted()).toEqual([false, true])
  const path = `/${started.approvals[0]?.id}/deny`
  const unasked = await ask(started, 'POST', path)
  expect([unasked.status, unasked.body.error]).toEqual([400, expect.stringContaining('"why"')])
  expect((await ask(started, 'POST', path, { why: 'no' })).status).toBe(200)
})

it('needs somebody who may say yes, and looks are free only on this machine, and masked', async () => {
  const plain = (policy: string) => [pending(policy, { arguments: { to: 'mallory@example.org' } }, 'plain')]
  const started = await start(plain, { adminKeys: 'hosts: []', approval: '{ arguments: plain }' })
  expect(JSON.stringify(await list(started, ''))).not.toContain('mallory')
  expect((await ask(started, 'POST', `/${started.approvals[0]?.id}/approve`, {}, '')).status).toBe(403)
  const open = await start(plain, { approval: '{ arguments: plain }' })
  expect(JSON.stringify(await list(open))).toContain('mallory')
})

describe('approvers', () => {
  const own = { identity: { kind: 'key', id: boss.id, name: 'robot', role: 'agent' } }
  const renamed = {
    identity: { kind: 'token', id: 'tk1', name: 'before', role: 'agent' },
    holder: boss.id,
  }
  const namesake = { identity: { kind: 'key', id: 'agent9', name: 'boss', role: 'agent' } }
  const alike = { identity: { kind: 'key', id: 'agent8', name: 'Bo\u200bss', role: 'agent' } }
  const settings = { approval: '{ approvers: [approver, clerk] }' }

  it('decide with their own keys, and nobody else does', async () => {
    const started = await start((policy) => [pending(policy), pending(policy, { tool: 'x' })], settings)
    const [one, two] = started.approvals
    expect((await ask(started, 'POST', `/${one?.id}/approve`, {})).status).toBe(403)
    expect((await ask(started, 'POST', `/${one?.id}/approve`, {}, started.gate.key)).status).toBe(403)
    const yes = await ask(started, 'POST', `/${one?.id}/approve`, { by: 'somebody else' }, boss.key)
    expect(yes).toMatchObject({ status: 200, body: { by: `boss (key ${boss.id})` } })
    expect((await ask(started, 'POST', `/${two?.id}/deny`, { why: 'no' }, clerk.key)).status).toBe(200)
    expect(await list(started, boss.key)).toHaveLength(2)
    expect((await ask(started, 'GET', '', undefined, started.gate.key)).status).toBe(403)
  })

  it('never decide about a call of their own', async () => {
    const started = await start(
      (policy) => [own, renamed, namesake, alike].map((each) => pending(policy, each)),
      settings,
    )
    for (const { id } of started.approvals)
      expect(await ask(started, 'POST', `/${id}/approve`, {}, boss.key)).toMatchObject({
        status: 403,
        body: { error: 'You cannot decide on a call of your own key.' },
      })
    expect((await ask(started, 'POST', `/${started.approvals[0]?.id}/approve`, {}, clerk.key)).status).toBe(
      200,
    )
  })

  it('do not, once their key was disabled, however short a time ago', async () => {
    const started = await start((policy) => [pending(policy)], settings)
    const { keysFile } = started.gate
    const disabled = new Date().toISOString()
    writeKeyFile(
      keysFile,
      readKeyFile(keysFile).map((entry) => ({ ...entry, disabled })),
    )
    expect((await ask(started, 'POST', `/${started.approvals[0]?.id}/approve`, {}, boss.key)).status).toBe(
      401,
    )
  })

  it('do not, once they are frozen', async () => {
    const started = await start((policy) => [pending(policy)], settings)
    await fetch(`${started.gate.admin}/admin/v1/freezes`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ kind: 'key', name: boss.id, why: 'lost' }),
    })
    expect((await ask(started, 'POST', `/${started.approvals[0]?.id}/approve`, {}, boss.key)).status).toBe(
      403,
    )
  })
})

describe('the command line', () => {
  const run = ({ gate }: Started, ...words: string[]) =>
    cli([...words, '--admin', gate.admin, '-c', gate.policyFile], '', { AUDIT: gate.auditFile })

  it('lists, approves and denies', async () => {
    const hostile = { path: '/x\u202e\u009b2J', note: 'a\nb' }
    const started = await start((policy) => [
      pending(policy),
      pending(policy, {
        identity: { ...wish.identity, kind: 'token', id: 'tk1' },
        tool: 'rm',
        arguments: hostile,
      }),
    ])
    const [one, two] = started.approvals
    const listed = await run(started, 'approvals')
    expect(listed.out).toContain(`${one?.id}  an agent (agent, key agent1) with qwen3:8b: transfer_eu`)
    expect(listed.out).toContain('  asked in request request1, waits until ')
    expect(listed.out).toContain('(agent, key agent1, token tk1)')
    // A terminal shows what there is.
    expect(listed.out).toContain('\\u{202e}\\u{9b}2J')
    expect(JSON.parse((await run(started, 'approvals', '--json')).out)).toHaveLength(2)
    expect(await run(started, 'approve', `${one?.id}`, '--by', 'alice')).toMatchObject({
      code: 0,
      out: expect.stringContaining('approved by alice'),
    })
    expect(await run(started, 'approve', `${one?.id}`)).toMatchObject({
      code: 1,
      err: expect.stringContaining('409'),
    })
    expect((await run(started, 'deny', `${two?.id}`)).code).toBe(2)
    expect(await run(started, 'deny', `${two?.id}`, '--why', 'no')).toMatchObject({
      code: 0,
      out: expect.stringContaining('denied by tester'),
    })
    expect((await run(started, 'approve', 'nonsense')).code).toBe(2)
  })

  it('takes the key of an approver from a file', async () => {
    const started = await start((policy) => [pending(policy)], { approval: '{ approvers: [boss] }' })
    const file = join(started.gate.folder, 'boss.key')
    writeFileSync(file, `${boss.key}\n`)
    const words = ['approve', `${started.approvals[0]?.id}`]
    expect((await run(started, ...words)).code).toBe(1)
    expect((await run(started, ...words, '--key-file', file)).out).toContain(
      `approved by boss (key ${boss.id})`,
    )
    writeFileSync(file, 'no key')
    expect((await run(started, ...words, '--key-file', file)).code).toBe(2)
  })
})

it('a gate does not start with a file of approvals that it cannot read', async () => {
  await expect(start(() => [{ id: 'ap_0' }] as unknown as Approval[])).rejects.toThrow(
    /not a file of approvals/,
  )
})

describe.skipIf(!hasRedis)('several gateways on one Redis', () => {
  it('all know what waits, and one of many decisions counts', async () => {
    const redis = await startRedis()
    open.push({ close: () => redis.stop() })
    const more = `store: { redis: "${redis.url}", timeout: 5s }\n`
    const gates = [await start(() => [], { more }), await start(() => [], { more })]
    const client = createRedisClient(serversAt(redis.url, { prefix: 'torwart' }), 5000)
    open.push(client)
    await client.opened(5000)
    const store = createRedisApprovals(client)
    const metrics = await fetch(`${gates[0]?.gate.admin}/metrics`, {
      headers: { authorization: `Bearer ${token}` },
    })
    const policy = /policy_info\{version="([^"]+)"\}/.exec(await metrics.text())?.[1] ?? ''
    await store.take(approvalOf({ ...wish, policy }, 'masked'), 600_000)
    const [first, second] = gates as [Started, Started]
    const [{ id } = { id: '' }] = await until(async () => {
      const found = await list(second)
      return found?.length === 1 && found
    })
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => ask(first, 'POST', `/${id}/approve`, { by: 'alice' })),
    )
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    const late = await ask(second, 'POST', `/${id}/deny`, { why: 'no' })
    expect(late).toMatchObject({ status: 409, body: { error: 'This approval is already decided.' } })
    expect(eventsOf(first, 'approval approved')).toHaveLength(1)
    redis.process.kill('SIGSTOP')
    expect((await ask(first, 'POST', `/${id}/approve`, {})).status).toBe(503)
    redis.process.kill('SIGCONT')
  })
})

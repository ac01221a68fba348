/** The policy over the admin API: what is in force, what is on disk, and what another one would do. */
import { readFileSync, writeFileSync } from 'node:fs'
import { afterEach, describe, expect, it } from 'vitest'
import { type RunningGate, startGate } from '../rig/gate.ts'
import { startModelServer } from '../rig/model-server.ts'
import { until } from '../rig/wait.ts'

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

const token = 't0ken-of-sixteen-letters'
const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }

async function start(admin: string | undefined = `token: ${token}`): Promise<RunningGate> {
  const model = await startModelServer()
  const gate = await startGate({ upstream: model.url, ...(admin ? { admin } : {}) })
  open.push(model, gate)
  return gate
}

const shown = async (gate: RunningGate) =>
  (await (await fetch(`${gate.admin}/admin/v1/policy`, { headers })).json()) as {
    text: string
    version: string
    warnings: string[]
    lastReload: { ok: boolean; problems: string[] }
    onDisk: { text: string; same: boolean; problems: { line: number; message: string }[] }
  }

const tryOut = (gate: RunningGate, text: string) =>
  fetch(`${gate.admin}/admin/v1/policy/try`, { method: 'POST', headers, body: JSON.stringify({ text }) })

describe('GET /admin/v1/policy', () => {
  it('shows the file in force without its secrets', async () => {
    const gate = await start()
    const { text, onDisk, warnings } = await shown(gate)
    expect(text).toContain('roles:\n  agent:')
    expect(text).toContain('token: <secret>')
    expect(JSON.stringify(await shown(gate))).not.toContain(token)
    expect(onDisk).toMatchObject({ same: true, problems: [] })
    expect(warnings.join('\n')).toContain('a secret is in the policy')
  })

  it('tells that the file on disk is another one, and what is wrong with it', async () => {
    const gate = await start()
    const before = await shown(gate)
    writeFileSync(
      gate.policyFile,
      `${readFileSync(gate.policyFile, 'utf8')}\nguards: { prompt: { mode: maybe } }\n`,
    )
    await until(async () => !(await shown(gate)).lastReload.ok)
    const after = await shown(gate)
    expect(after).toMatchObject({ text: before.text, version: before.version, onDisk: { same: false } })
    expect(after.onDisk.text).toContain('maybe')
    expect(after.onDisk.problems[0]?.line).toBeGreaterThan(5)
    expect(after.lastReload.problems.join()).toContain('guards.prompt.mode')
  })

  it('shows nothing to strangers, on loopback neither', async () => {
    const gate = await start()
    expect((await fetch(`${gate.admin}/admin/v1/policy`)).status).toBe(401)
    const tokenless = await start('hosts: [gate.lan]')
    expect((await fetch(`${tokenless.admin}/admin/v1/policy`)).status).toBe(403)
    expect((await tryOut(tokenless, 'version: 1')).status).toBe(403)
  })
})

describe('POST /admin/v1/policy/try', () => {
  it('tells errors with line and column, and judges nothing then', async () => {
    const gate = await start()
    const answer = (await (
      await tryOut(gate, 'version: 1\nupstreams: []\nroles: { a: { routes: [chatt] } }\n')
    ).json()) as {
      problems: { line: number; column: number; message: string }[]
    }
    expect(answer).toMatchObject({ ok: false, judged: null })
    expect(answer.problems).toContainEqual(
      expect.objectContaining({ line: 3, message: expect.stringContaining('chat') }),
    )
  })

  it('judges the requests of the last day by it', async () => {
    const gate = await start()
    const messages = [{ role: 'user', content: 'Which bulbs can I plant?' }]
    for (const model of ['smollm2:135m', 'smollm2:135m', 'qwen3:8b'])
      await (
        await gate.post(
          '/api/chat',
          { model, messages, stream: false },
          { 'x-request-id': `id-${model.slice(0, 5)}` },
        )
      ).text()
    const other = readFileSync(gate.policyFile, 'utf8').replace('"smollm2:*"', '"qwen3:*"')
    const { ok, judged } = (await (await tryOut(gate, other)).json()) as { ok: boolean; judged: unknown }
    expect(ok).toBe(true)
    expect(judged).toMatchObject({
      ...{ requests: 3, unknown: 0, complete: true },
      nowRefused: [
        { code: 'model_not_allowed', role: 'agent', key: gate.keyId, count: 2, example: 'id-smoll' },
      ],
      nowAllowed: [{ code: 'model_not_allowed', count: 1, example: 'id-qwen3' }],
    })
    expect((await shown(gate)).onDisk.same).toBe(true)
  })

  it.each([
    [
      'a file that the policy in force does not name',
      (text: string) => text.replace(token, `"\${file:/etc/hostname}"`),
      'cannot be read',
    ],
    [
      'signatures from elsewhere',
      (text: string) => `${text}\nguards: { prompt: { packs: [/etc/passwd] } }`,
      'outside',
    ],
    [
      'names from elsewhere',
      (text: string) => `${text}\nguards: { pii: { namesFile: ../../etc/passwd } }`,
      'outside',
    ],
  ])('reads nothing for who names %s', async (_what, change, message) => {
    const gate = await start()
    const answer = (await (await tryOut(gate, change(readFileSync(gate.policyFile, 'utf8')))).json()) as {
      ok: boolean
      problems: { message: string }[]
    }
    expect(answer.ok).toBe(false)
    expect(answer.problems.map((each) => each.message).join('\n')).toContain(message)
  })

  it('does not tell what a variable holds', async () => {
    const model = await startModelServer()
    const gate = await startGate({
      upstream: model.url,
      admin: `token: ${token}`,
      variables: { HIDDEN: 'kept-for-ourselves' },
    })
    open.push(model, gate)
    const role = '{ routes: [chat], models: ["*"], limits: { tokensPerMinute: 1 } }'
    const text = readFileSync(gate.policyFile, 'utf8').replace(
      'roles:\n',
      `roles:\n  "\${HIDDEN}": ${role}\n`,
    )
    const answer = await (await tryOut(gate, text)).text()
    expect(answer).toContain('never fits')
    expect(answer).not.toContain('kept-for-ourselves')
  })

  it('is asked for one at a time, and within bounds', async () => {
    const gate = await start()
    const text = readFileSync(gate.policyFile, 'utf8')
    const statuses = await Promise.all([1, 2, 3].map(async () => (await tryOut(gate, text)).status))
    expect(statuses.toSorted()).toEqual([200, 429, 429])
    expect((await tryOut(gate, ' '.repeat(1_100_000))).status).toBe(400)
    expect((await tryOut(gate, ' '.repeat(2_200_000))).status).toBe(413)
  })
})

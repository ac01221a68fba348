/** What is changed by hand while a gate runs, and while none does: obeyed when the command returns, and on record with who. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { cli } from '../rig/cli.ts'
import { type RunningGate, startGate } from '../rig/gate.ts'
import { startModelServer } from '../rig/model-server.ts'
import { until } from '../rig/wait.ts'

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

/** A gate whose keys and log outlive it. */
async function startIn(folder: string): Promise<RunningGate> {
  const model = await startModelServer()
  const auditFile = join(folder, 'audit.jsonl')
  const gate = await startGate({
    upstream: model.url,
    auditFile,
    more: `audit: { file: "${auditFile}" }\nkeys: { file: "${join(folder, 'keys.yaml')}" }\n`,
  })
  open.push(model)
  return gate
}

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'torwart-changes-'))
  open.push({ close: async () => rmSync(folder, { recursive: true, force: true }) })
  return folder
}

async function start(): Promise<RunningGate> {
  const gate = await startIn(newFolder())
  open.push(gate)
  return gate
}

const byHand = /^(key|token|signing key) |^(un)?frozen$|^reloaded$/
const changes = (gate: RunningGate) => gate.records().filter(({ event }) => byHand.test(String(event)))
const names = (gate: RunningGate) => changes(gate).map(({ event }) => event)
const status = async (gate: RunningGate, key: string) =>
  (await gate.get('/api/version', { authorization: `Bearer ${key}` })).status

const keyOf = (out: string) => JSON.parse(out) as { id: string; key: string }
const create = async (policyFile: string, ...more: string[]) =>
  keyOf(
    (await cli(['key', 'create', '--name', 'n', '--role', 'agent', '--json', '-c', policyFile, ...more])).out,
  )

describe('a change by the command line', () => {
  it('is obeyed when the command returns: a new key, a new secret, a key taken away', async () => {
    const gate = await start()
    const { id, key } = await create(gate.policyFile)
    expect(await status(gate, key)).toBe(200)
    const rotated = keyOf((await cli(['key', 'rotate', id, '--json', '-c', gate.policyFile])).out)
    expect(await status(gate, rotated.key)).toBe(200)
    expect(await status(gate, key)).toBe(401)
    expect((await cli(['key', 'revoke', id, '-c', gate.policyFile])).code).toBe(0)
    expect(await status(gate, rotated.key)).toBe(401)
  })

  it('is on record with what was done to which key and by whom, and not as a reload', async () => {
    const gate = await start()
    const at = ['-c', gate.policyFile]
    const { id, key } = await create(gate.policyFile)
    await cli(['key', 'rotate', id, '--by', 'alice', '--grace', '1h', ...at])
    await cli(['key', 'disable', id, '--by', 'bob at bob@example.org', ...at])
    await cli(['key', 'enable', id, ...at])
    await cli(['key', 'revoke', id, '--by', 'carol\nfrozen', ...at])
    await cli(['token', 'revoke', '0123456789abcdef', '--by', 'dora', ...at])
    await cli(['token', 'rotate', '--by', 'emil', ...at])
    await until(() => changes(gate).length >= 7)
    expect(changes(gate)).toMatchObject([
      { event: 'key created', key: id, role: 'agent', by: 'tester' },
      { event: 'key rotated', key: id, by: 'alice' },
      { event: 'key disabled', key: id, by: 'bob at <email:1>' },
      { event: 'key enabled', key: id, by: 'tester' },
      { event: 'key revoked', key: id, by: 'carol frozen' },
      { event: 'token revoked', token: '0123456789abcdef', by: 'dora' },
      { event: 'signing key made', by: 'emil' },
    ])
    expect(JSON.stringify(gate.records())).not.toContain(key)
  })

  it('made while no gate ran is on record after the next start, once', async () => {
    const folder = newFolder()
    const first = await startIn(folder)
    const policy = join(folder, 'torwart.yaml')
    writeFileSync(policy, readFileSync(first.policyFile))
    const kept = await create(policy)
    await first.close()
    const { id } = await create(policy, '--by', 'alice')
    await cli(['key', 'revoke', kept.id, '--by', 'bob', '-c', policy])
    await cli(['freeze', 'role', 'agent', '--why', 'incident', '--by', 'carol', '-c', policy])
    const second = await startIn(folder)
    const told = [
      { event: 'key created', key: kept.id, by: 'tester' },
      { event: 'key created', key: id, by: 'alice' },
      { event: 'key revoked', key: kept.id, by: 'bob' },
      { event: 'frozen', kind: 'role', name: 'agent', why: 'incident', by: 'carol' },
    ]
    expect(changes(second)).toMatchObject(told)
    await second.close()
    const third = await startIn(folder)
    open.push(third)
    expect(changes(third)).toMatchObject(told)
  }, 60_000)

  it('with an editor is on record as what it is, by nobody who is known', async () => {
    const gate = await start()
    const { id } = await create(gate.policyFile)
    const file = join(gate.auditFile, '..', 'keys.yaml')
    writeFileSync(file, readFileSync(file, 'utf8').replace('name: n', 'name: other'))
    await until(() => names(gate).includes('key edited'))
    expect(changes(gate).at(-1)).toMatchObject({ key: id, changed: ['name'], by: null })
  })

  it('of the policy is still a reload', async () => {
    const gate = await start()
    writeFileSync(gate.policyFile, `${readFileSync(gate.policyFile, 'utf8')}\n# more\n`)
    await until(() => names(gate).includes('reloaded'))
  })

  it('that the running gate cannot take over says so', async () => {
    const gate = await start()
    const { id } = await create(gate.policyFile)
    // It runs, and looks at another file.
    const other = join(gate.folder, 'other.yaml')
    const elsewhere = readFileSync(gate.policyFile, 'utf8').replace(
      /keys: .*/,
      'keys: { file: other-keys.yaml }',
    )
    writeFileSync(other, elsewhere)
    writeFileSync(join(gate.folder, 'other-keys.yaml'), readFileSync(join(gate.auditFile, '..', 'keys.yaml')))
    const { code, err } = await cli(['key', 'revoke', id, '-c', other])
    expect([code, err]).toEqual([1, expect.stringContaining('has not applied it yet')])
  }, 30_000)
})

describe('a second rotation with a grace', () => {
  it('does not take the first secret away before its own grace ends', async () => {
    const gate = await start()
    const { id, key } = await create(gate.policyFile)
    const rotate = async (...more: string[]) =>
      keyOf((await cli(['key', 'rotate', id, '--json', '-c', gate.policyFile, ...more])).out).key
    const secrets = [key, await rotate('--grace', '24h'), await rotate('--grace', '24h')]
    for (const secret of secrets) expect(await status(gate, secret)).toBe(200)
    const last = await rotate()
    for (const secret of secrets) expect(await status(gate, secret)).toBe(401)
    expect(await status(gate, last)).toBe(200)
  }, 30_000)
})

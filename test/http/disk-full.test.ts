/** A disk that takes nothing more: what is acknowledged is durable, everything else is refused in plain words. */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { type RunningGate, startGate } from '../rig/gate.ts'
import { type ModelServer, startModelServer } from '../rig/model-server.ts'
import { until } from '../rig/wait.ts'

const disk = vi.hoisted(() => ({ fault: undefined as string | undefined }))
vi.mock('../../src/files/atomic.ts', async (original) => {
  const real = await original<typeof import('../../src/files/atomic.ts')>()
  return {
    ...real,
    replaceFile(path: string, text: string) {
      const { fault } = disk
      if (fault === undefined) return real.replaceFile(path, text)
      const message = `${fault}: something is wrong, open '${path}'`
      throw Object.assign(new Error(message), { code: fault, syscall: 'open', path })
    },
  }
})

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  disk.fault = undefined
  for (const each of open.splice(0).reverse()) await each.close()
})

const token = 'a-token-long-enough'
const chat = { model: 'smollm2:135m', stream: false, messages: [{ role: 'user', content: 'hi' }] }

async function start(): Promise<{ model: ModelServer; gate: RunningGate }> {
  const model = await startModelServer()
  const gate = await startGate({ upstream: model.url, admin: `token: ${token}` })
  open.push(model, gate)
  return { model, gate }
}

async function admin(gate: RunningGate, method: string, path: string, body?: unknown) {
  const response = await fetch(`${gate.admin}/admin/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body ? { 'content-type': 'application/json' } : {}) },
    ...(body ? { body: JSON.stringify(body) } : {}),
  })
  return { status: response.status, text: await response.text() }
}

const ask = async (gate: RunningGate) => {
  const response = await gate.post('/api/chat', chat)
  await response.text()
  return response.status
}

describe('on a full disk', () => {
  it.each([
    ['ENOSPC', 507],
    ['EDQUOT', 507],
    ['EROFS', 503],
    ['EIO', 503],
  ])(
    'a freeze that a restart would forget is not acknowledged and not in force (%s)',
    async (fault, status) => {
      const { gate } = await start()
      disk.fault = fault
      const refused = await admin(gate, 'POST', '/freezes', { kind: 'all', why: 'w' })
      expect(refused.status).toBe(status)
      expect(refused.text).not.toContain(gate.folder)
      expect(await ask(gate)).toBe(200)
      expect(JSON.parse((await admin(gate, 'GET', '/freezes')).text)).toEqual({ freezes: [] })
      expect(gate.records().some(({ event }) => event === 'frozen')).toBe(false)
      disk.fault = undefined
      expect((await admin(gate, 'POST', '/freezes', { kind: 'all', why: 'w' })).status).toBe(201)
      expect(readFileSync(join(gate.folder, 'freezes.json'), 'utf8')).toContain('"all"')
      expect(await ask(gate)).toBe(403)
    },
  )

  it('what is frozen stays frozen if its end cannot be kept', async () => {
    const { gate } = await start()
    await admin(gate, 'POST', '/freezes', { kind: 'all', why: 'w' })
    disk.fault = 'ENOSPC'
    expect((await admin(gate, 'DELETE', '/freezes/all')).status).toBe(507)
    expect(await ask(gate)).toBe(403)
  })

  it('every other change of the admin API is refused without a path, and nothing is left that blocks the next', async () => {
    const { gate } = await start()
    disk.fault = 'ENOSPC'
    const changes: readonly [string, string, unknown?][] = [
      ['POST', '/keys', { name: 'n', role: 'agent' }],
      ['POST', `/keys/${gate.keyId}/rotate`, {}],
      ['POST', `/keys/${gate.keyId}/disable`, {}],
      ['DELETE', '/tokens/0123456789abcdef'],
    ]
    for (const [method, path, body] of changes) {
      const { status, text } = await admin(gate, method, path, body)
      expect([path, status]).toEqual([path, 507])
      expect(text).not.toContain(gate.folder)
      expect(text).not.toMatch(/tw_|statusCode/)
    }
    expect(await ask(gate)).toBe(200)
    expect(existsSync(`${gate.keysFile}.lock`)).toBe(false)
    disk.fault = undefined
    for (const [method, path, body] of changes)
      expect((await admin(gate, method, path, body)).status).toBeLessThan(300)
  })

  it('a key file that cannot be read is told without its path', async () => {
    const { gate } = await start()
    writeFileSync(gate.keysFile, 'keys: [')
    const { status, text } = await admin(gate, 'GET', '/keys')
    expect(status).toBe(500)
    expect(text).not.toContain(gate.folder)
  })

  it('a body that is no JSON is told as the caller’s mistake', async () => {
    const { gate } = await start()
    const response = await fetch(`${gate.admin}/admin/v1/freezes`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: '{',
    })
    expect(response.status).toBe(400)
    expect(Object.keys((await response.json()) as object)).toEqual(['error'])
  })
})

/** Whether the files were taken wholly at the last reading. */
async function isRead(gate: { readonly admin: string }): Promise<boolean> {
  const ready = (await (await fetch(`${gate.admin}/readyz`)).json()) as {
    policy: { reload: { ok: boolean } }
  }
  return ready.policy.reload.ok
}

describe('the key file, moved away and back', () => {
  it('leaves no failed reload standing', async () => {
    const { gate } = await start()
    const reading = () => isRead(gate)
    renameSync(gate.keysFile, `${gate.keysFile}.away`)
    // While it is away something else is read, and whoever watches the file never saw it gone.
    gate.reload()
    expect(await reading()).toBe(false)
    renameSync(`${gate.keysFile}.away`, gate.keysFile)
    await until(reading)
    renameSync(gate.keysFile, `${gate.keysFile}.away`)
    await until(async () => !(await reading()))
    renameSync(`${gate.keysFile}.away`, gate.keysFile)
    await until(reading)
  })

  it('is missed although whoever watches it may not have seen that it was back', async () => {
    const { gate } = await start()
    renameSync(gate.keysFile, `${gate.keysFile}.away`)
    await until(async () => !(await isRead(gate)))
    renameSync(`${gate.keysFile}.away`, gate.keysFile)
    gate.reload()
    expect(await isRead(gate)).toBe(true)
    renameSync(gate.keysFile, `${gate.keysFile}.away`)
    await until(async () => !(await isRead(gate)))
  })
})

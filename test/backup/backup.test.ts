/** A backup is made while the gateway runs, the disk is lost, and the gateway goes on from the backup. */
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { openAudit } from '../../src/audit/audit.ts'
import { mintKey } from '../../src/auth/api-keys/key.ts'
import { closeAll, openChain } from '../../src/backup/copy-log.ts'
import { readManifest } from '../../src/backup/manifest.ts'
import { systemClock } from '../../src/core/clock.ts'
import { startGateway } from '../../src/server/gateway.ts'
import { createLog } from '../../src/telemetry/log.ts'
import { cli } from '../rig/cli.ts'
import { entryOf, processes, type RunningGate, scannerFor, startGate } from '../rig/gate.ts'
import { type ModelServer, startModelServer } from '../rig/model-server.ts'
import { until } from '../rig/wait.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean()
})
function folderOf(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `torwart-${name}-`))
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

let model: ModelServer
beforeAll(async () => {
  model = await startModelServer()
})
afterAll(() => model.close())

const chat = { model: 'smollm2:135m', stream: false, messages: [{ role: 'user', content: 'Hi' }] }
const frozen = mintKey()

async function running(): Promise<RunningGate> {
  const gate = await startGate({
    upstream: model.url,
    keys: [entryOf(frozen.key, frozen.id)],
    admin: `token: "\${file:admin.token}"`,
    prepare: (folder) => {
      writeFileSync(join(folder, 'admin.token'), 'a-token-for-the-tests\n', { mode: 0o600 })
    },
  })
  cleanups.push(() => gate.close())
  return gate
}

async function startAgain(policyFile: string) {
  const gateway = await startGateway({
    ...{ policyFile, variables: {}, processes, scannerFor, version: '0.0.0-test' },
    log: createLog('silent', { write: () => {} }),
    intervals: { filesMs: 25 },
  })
  cleanups.push(() => gateway.close())
  const post = (key: string) =>
    fetch(`${gateway.data}/api/chat`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify(chat),
    })
  return { ...gateway, post }
}

/** Makes requests until it is told to stop. */
function traffic(gate: RunningGate) {
  let goesOn = true
  const work = (async () => {
    let count = 0
    for (; goesOn; count++) await (await gate.post('/api/chat', chat)).arrayBuffer()
    return count
  })()
  return () => {
    goesOn = false
    return work
  }
}

const modes = (folder: string) => {
  const names = readdirSync(folder, { recursive: true }).map(String).toSorted()
  return Object.fromEntries(names.map((name) => [name, statSync(join(folder, name)).mode & 0o777]))
}

describe('a backup', () => {
  it('brings a gateway back after its disk is lost', async () => {
    const gate = await running()
    const { folder, policyFile, auditFile, key } = gate
    await cli(['freeze', 'key', frozen.id, '--why', 'leaked', '-c', policyFile])
    await cli(['incident', 'open', '--why', 'a leak', '--key', frozen.id, '-c', policyFile])
    const stop = traffic(gate)
    await until(() => gate.requests().length > 5)
    const out = join(folderOf('backup'), 'out')
    const made = await cli(['backup', '--out', out, '--with-secrets', '-c', policyFile])
    expect(made).toMatchObject({ code: 0, err: '' })
    expect(await stop()).toBeGreaterThan(5)
    const before = modes(folder)
    const lines = gate.records().length
    await gate.close()
    expect(existsSync(folder)).toBe(false)
    cleanups.push(() => rmSync(folder, { recursive: true, force: true }))

    const restored = await cli(['restore', '--from', out])
    expect(restored).toMatchObject({ code: 0, err: '' })
    const after = modes(folder)
    const there = [
      'torwart.yaml',
      'keys.yaml',
      'admin.token',
      'freezes.json',
      'audit.jsonl',
      'audit.jsonl.key',
    ]
    expect(Object.keys(after)).toEqual(
      expect.arrayContaining([...there, 'audit.jsonl.incidents/incidents.json']),
    )
    const restoredModes = Object.entries(after).filter(([file]) => !file.endsWith('.pending.json'))
    for (const [file, mode] of restoredModes) expect([file, mode]).toEqual([file, before[file]])
    const again = await startAgain(policyFile)
    expect((await again.post(key)).status).toBe(200)
    expect((await again.post(frozen.key)).status).toBe(403)
    const records = () =>
      readFileSync(auditFile, 'utf8')
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as Record<string, unknown>)
    await until(() => records().some(({ event }) => event === 'backup restored'))
    expect(records().length).toBeGreaterThan(5)
    expect(records().length).toBeLessThanOrEqual(lines + 20)
    expect(records().filter(({ event }) => event === 'backup started')).toHaveLength(1)
    const verdict = await cli(['audit', 'verify', '--json', '-c', policyFile])
    expect(JSON.parse(verdict.out)).toMatchObject({ ok: true, headSeen: true })
    expect((await cli(['incident', 'list', '-c', policyFile])).out).toContain('a leak')
  })

  it('is not written through links that were put in the way of its restoration', async () => {
    const gate = await running()
    const out = join(folderOf('backup'), 'out')
    await cli(['backup', '--out', out, '-c', gate.policyFile])
    const root = folderOf('root')
    const victim = join(folderOf('victim'), 'file')
    writeFileSync(victim, 'as it was')
    const planted = join(root, gate.keysFile)
    mkdirSync(dirname(planted), { recursive: true })
    symlinkSync(victim, `${planted}.tmp`)
    expect(await cli(['restore', '--from', out, '--root', root])).toMatchObject({ code: 0 })
    expect(readFileSync(victim, 'utf8')).toBe('as it was')
    expect(readFileSync(planted, 'utf8')).toBe(readFileSync(gate.keysFile, 'utf8'))
  })

  it('has the tests of the policy, without which a gateway that requires them does not start', async () => {
    const gate = await running()
    const tests = join(gate.folder, 'torwart.test.yaml')
    writeFileSync(tests, 'tests: []\n')
    const out = join(folderOf('backup'), 'out')
    await cli(['backup', '--out', out, '-c', gate.policyFile])
    const { files } = readManifest(readFileSync(join(out, 'manifest.json'), 'utf8'))
    expect(files.map(({ path }) => path)).toContain(tests)
  })

  it('leaves private keys out unless it is asked for them, and says which', async () => {
    const gate = await running()
    const out = join(folderOf('backup'), 'out')
    const made = await cli(['backup', '--out', out, '--json', '-c', gate.policyFile])
    const { leftOut } = JSON.parse(made.out) as { leftOut: string[] }
    expect(leftOut.map((path) => basename(path))).toEqual(
      expect.arrayContaining(['admin.token', 'audit.jsonl.key']),
    )
    for (const path of leftOut) expect(made.err).toContain(path)
    const manifest = readManifest(readFileSync(join(out, 'manifest.json'), 'utf8'))
    expect(manifest.files.filter(({ path }) => leftOut.includes(path))).toEqual([])
    const secrets = leftOut.map((path) => readFileSync(path, 'utf8').trim())
    for (const { name } of manifest.files)
      for (const secret of secrets) expect(readFileSync(join(out, name), 'utf8')).not.toContain(secret)
    for (const mode of Object.values(modes(out))) expect(mode & 0o077).toBe(0)
  })

  it('saves a log that is broken as it is, and says so', async () => {
    const gate = await running()
    await (await gate.post('/api/chat', chat)).arrayBuffer()
    const text = readFileSync(gate.auditFile, 'utf8')
    // In its place: a file of another name would be noticed.
    writeFileSync(gate.auditFile, text.replace('"event":"started"', '"event":"stAAted"'), { flag: 'r+' })
    const out = join(folderOf('backup'), 'out')
    const made = await cli(['backup', '--out', out, '-c', gate.policyFile])
    expect(made.code).toBe(1)
    expect(made.err).toContain('does not verify, and was backed up as it is: audit.jsonl:1')
    const restored = await cli(['restore', '--from', out, '--root', folderOf('root')])
    expect(restored.err).toContain('did not verify when it was backed up')
  })

  it('is refused for a folder with something in it, and for a name that it would take in itself', async () => {
    const gate = await running()
    for (const out of [gate.folder, `${gate.auditFile}.backup`])
      expect((await cli(['backup', '--out', out, '-c', gate.policyFile])).code).toBe(2)
    expect(gate.records().filter(({ event }) => event === 'backup started')).toEqual([])
  })
})

describe('a restore', () => {
  async function backedUp(...options: readonly string[]) {
    const gate = await running()
    const out = join(folderOf('backup'), 'out')
    expect((await cli(['backup', '--out', out, ...options, '-c', gate.policyFile])).code).toBe(0)
    return { gate, out, root: folderOf('root') }
  }

  it('overwrites nothing: it asks for --force, and then puts aside what was there', async () => {
    const { gate, out, root } = await backedUp()
    const words = ['restore', '--from', out, '--root', root]
    const keys = join(root, gate.keysFile)
    mkdirSync(dirname(keys), { recursive: true })
    writeFileSync(keys, 'newer')
    const refused = await cli(words)
    expect(refused.code).toBe(1)
    expect(refused.err).toContain(keys)
    expect(readFileSync(keys, 'utf8')).toBe('newer')
    const forced = await cli([...words, '--force'])
    expect(forced.code).toBe(0)
    const aside = /put aside: (\S*keys\.yaml\.replaced-\d+)/.exec(forced.out)?.[1]
    expect(readFileSync(String(aside), 'utf8')).toBe('newer')
    expect(readFileSync(keys, 'utf8')).toContain(gate.keyId)
    expect((await cli(['audit', 'verify', join(root, gate.auditFile)])).code).toBe(0)
  })

  it('refuses while a gateway writes the log', async () => {
    const { out } = await backedUp()
    const refused = await cli(['restore', '--from', out, '--force'])
    expect(refused.code).toBe(1)
    expect(refused.err).toContain('Stop it first')
  })

  it('writes nothing if a file is changed, missing or too many, or the backup is of somebody else', async () => {
    const { gate, out, root } = await backedUp()
    const key = join(folderOf('kept'), 'kept.pem')
    writeFileSync(key, readFileSync(`${gate.auditFile}.pub`))
    const words = ['restore', '--from', out, '--root', root, '--key', key]
    const first = join(out, 'files/0001')
    const original = readFileSync(first)
    const problemOf = async (change: () => void, undo: () => void) => {
      change()
      const { code, err } = await cli(words)
      undo()
      expect(code).toBe(1)
      expect(readdirSync(root)).toEqual([])
      return err
    }
    const restoreFirst = () => writeFileSync(first, original)
    expect(await problemOf(() => appendFileSync(first, 'x'), restoreFirst)).toContain(
      'is not what the manifest says',
    )
    expect(await problemOf(() => rmSync(first), restoreFirst)).toContain('is missing')
    const extra = join(out, 'files/9999')
    expect(
      await problemOf(
        () => writeFileSync(extra, ''),
        () => rmSync(extra),
      ),
    ).toContain('is not in the manifest')
    const manifest = join(out, 'manifest.json')
    const text = readFileSync(manifest, 'utf8')
    const forge = () => writeFileSync(manifest, text.replace(/"mode": \d+/, '"mode": 511'))
    expect(await problemOf(forge, () => writeFileSync(manifest, text))).toContain('not signed with this key')
    expect((await cli(words)).code).toBe(0)
  })

  it.each(['relative', '/etc/../etc/passwd', '/a//b'])('refuses a manifest with the path %s', (path) => {
    const file = { name: 'files/0001', mode: 0o600, bytes: 0, sha256: '0'.repeat(64) }
    const manifest = {
      ...{
        version: 1,
        made: '',
        by: '',
        node: '',
        withSecrets: false,
        auditFile: '/log',
        leftOut: [],
        problem: null,
      },
      files: [{ ...file, path }],
    }
    expect(() => readManifest(JSON.stringify(manifest))).toThrow('a path that cannot be restored')
  })
})

describe('the copy of a log', () => {
  it('is whole whatever a gateway writes and closes meanwhile', async () => {
    const file = join(folderOf('log'), 'audit.jsonl')
    const audit = await openAudit({
      ...{ file, clock: systemClock, processes, about: {}, report: () => {} },
      settings: {
        ...{ sync: 'none', segmentBytes: 4096, retentionMs: 1e12 },
        checkpoint: { records: 1e6, everyMs: 1e6 },
      },
    })
    cleanups.push(() => audit.close())
    for (let round = 0; round < 20; round++) {
      const writing = Promise.all(
        Array.from({ length: 40 }, () => audit.event('x', { filler: 'y'.repeat(100) })),
      )
      const copied = await openChain(file)
      const parts: string[] = []
      for (const { path, handle, bytes } of copied)
        if (!path.endsWith('.head') && !path.endsWith('.gz')) {
          const buffer = Buffer.alloc(bytes)
          await handle.read(buffer, 0, bytes, 0)
          parts.push(buffer.toString('utf8'))
        }
      await closeAll(copied)
      await writing
      const last = parts.at(-1) ?? ''
      expect(last === '' || last.endsWith('\n')).toBe(true)
      const seqs = parts
        .join('')
        .split('\n')
        .filter(Boolean)
        .map((line) => (JSON.parse(line) as { seq: number }).seq)
      expect(seqs).toEqual(seqs.map((_, index) => (seqs[0] ?? 0) + index))
    }
  })
})

describe('the copy of a log that is being written', () => {
  it.each([0, 1, 70_000])('ends with the last whole line, %d bytes before its end', async (torn) => {
    const file = join(folderOf('log'), 'audit.jsonl')
    writeFileSync(file, `{"seq":1}\n{"seq":2}\n${'x'.repeat(torn)}`)
    const copied = await openChain(file)
    await closeAll(copied)
    expect(copied.map(({ bytes }) => bytes)).toEqual([20])
  })
})

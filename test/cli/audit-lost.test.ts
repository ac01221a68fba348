/** The built program, whose lock is deleted while it runs. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { mintKey } from '../../src/auth/api-keys/key.ts'
import { writeKeyFile } from '../../src/auth/api-keys/key-file.ts'
import { cli, listening, start } from '../rig/cli.ts'
import { entryOf, policyText } from '../rig/gate.ts'
import { until } from '../rig/wait.ts'

it('a deleted lock lets no second gate start, and the first goes on', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'torwart-lost-'))
  const policy = join(folder, 'torwart.yaml')
  const { id, key } = mintKey()
  writeKeyFile(join(folder, 'keys.yaml'), [entryOf(key, id)])
  writeFileSync(policy, policyText({ upstream: 'http://127.0.0.1:1' }))
  const gate = start(['serve', '-c', policy])
  try {
    const { admin } = await until(() => listening(gate.output()))
    rmSync(join(folder, 'audit.jsonl.lock'))
    const second = start(['serve', '-c', policy])
    expect(await second.ended).toBe(1)
    expect(second.output()).toMatch(/is being written by another process \(\d+ on/)
    expect(second.output()).not.toContain('.lock')
    expect((await fetch(`${admin}/readyz`)).status).toBe(200)
    gate.process.kill('SIGTERM')
    expect(await gate.ended).toBe(0)
    expect((await cli(['audit', 'verify', join(folder, 'audit.jsonl')])).code).toBe(0)
  } finally {
    gate.process.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
}, 120_000)

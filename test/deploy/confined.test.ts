/** The built program under the restrictions of its container: what `docker run` would do, without an engine. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { listening } from '../rig/cli.ts'
import { canConfine, confined, confinedSync, giveAway, type Mount, nobody } from '../rig/confined.ts'
import { type ModelServer, startModelServer } from '../rig/model-server.ts'
import { until } from '../rig/wait.ts'

describe.skipIf(!canConfine)('in a container that can do little', () => {
  let model: ModelServer
  let state: string
  let etc: string
  let mounts: Mount[]
  beforeAll(async () => {
    model = await startModelServer()
    state = mkdtempSync(join(tmpdir(), 'torwart-state-'))
    etc = mkdtempSync(join(tmpdir(), 'torwart-etc-'))
    const policy = join(etc, 'torwart.yaml')
    writeFileSync(
      policy,
      `version: 1
listen: { address: "127.0.0.1:0" }
admin: { address: "127.0.0.1:0" }
upstreams: [{ name: local, url: "${model.url}", kind: ollama }]
keys: { file: /var/lib/torwart/keys.yaml }
roles: { user: { routes: [chat], models: ["smollm2:135m"] } }
audit: { file: /var/lib/torwart/audit/audit.jsonl }
shutdown: { notice: 0s }
`,
    )
    giveAway(state)
    mounts = [
      { from: state, to: '/var/lib/torwart', writable: true },
      // Not /etc/torwart, as in the image: nothing can be mounted below this machine's read-only /etc.
      { from: policy, to: '/srv/torwart.yaml' },
    ]
  })
  afterAll(async () => {
    await model.close()
    for (const folder of [state, etc]) rmSync(folder, { recursive: true, force: true })
  })

  it('can write to its state and to nothing else', () => {
    const probe = `
      const fs = require('node:fs')
      const tries = ['/app/x', '/app/dist/x', '/usr/x', '/x', '/srv/x', '/var/lib/torwart/x']
      const wrote = tries.filter((path) => { try { fs.writeFileSync(path, ''); return true } catch { return false } })
      const status = fs.readFileSync('/proc/self/status', 'utf8')
      const field = (name) => status.match(new RegExp('^' + name + ':\\\\s+(\\\\S+)', 'm'))[1]
      console.log(JSON.stringify({ wrote, uid: process.getuid(), caps: field('CapEff'), bound: field('CapBnd'), locked: field('NoNewPrivs') }))`
    const seen = JSON.parse(confinedSync(['-e', probe], mounts)) as Record<string, unknown>
    expect(seen).toMatchObject({ wrote: ['/var/lib/torwart/x'], uid: nobody, locked: '1' })
    expect(Number.parseInt(String(seen.caps), 16)).toBe(0)
  })

  it('creates a key, serves, records, stops, and the log verifies', async () => {
    const created = confinedSync(
      ['dist/main.js', 'key', 'create', '--name', 'n', '--role', 'user', '--json', '-c', '/srv/torwart.yaml'],
      mounts,
    )
    const { key } = JSON.parse(created) as { key: string }
    const gate = confined(['dist/main.js', 'serve', '-c', '/srv/torwart.yaml'], mounts)
    try {
      const { data, admin } = await until(() => listening(gate.output()))
      const answer = await fetch(`${data}/api/chat`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        body: JSON.stringify({
          model: 'smollm2:135m',
          stream: false,
          messages: [{ role: 'user', content: 'hi' }],
        }),
      })
      expect(answer.status).toBe(200)
      expect((await fetch(`${admin}/readyz`)).status).toBe(200)
    } finally {
      gate.kill('SIGTERM')
      expect(await gate.ended).toBe(0)
    }
    const verdict = confinedSync(['dist/main.js', 'audit', 'verify', '-c', '/srv/torwart.yaml'], mounts)
    expect(verdict).toMatch(/intact|records/)
  })
})

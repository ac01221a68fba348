/** What takes long: the policy that ships, a running gateway, and 15,000 tickets. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { cli } from '../rig/cli.ts'
import { shippedRole, startGate } from '../rig/gate.ts'
import { startModelServer } from '../rig/model-server.ts'

it('nothing gets through the policy that ships but what the documentation admits', async () => {
  const { code, out } = await cli(['attack', '-c', 'config/torwart.yaml', '--json'])
  const { through, unclear, admitted, tried } = JSON.parse(out)
  expect({ code, through, unclear }).toEqual({ code: 0, through: [], unclear: [] })
  expect(tried).toBeGreaterThan(210)
  expect(admitted.map(({ id }: { id: string }) => id)).toEqual([
    'disguise.new-wording',
    'injection.unread-image',
    'models.replaced',
    'response.secret-in-call',
    'response.encoded-secret',
    'response.card',
    'response.iban',
    'response.system-prompt',
    'response.obeys',
    'response.script',
    'response.link-in-call',
    'tools.unrestricted',
    'tools.forged-result',
    'tools.changed-definition',
  ])
})

it('a running gateway is attacked with its own key, after a yes, and its model server sees nothing of it', async () => {
  const model = await startModelServer()
  const gate = await startGate({ upstream: model.url, role: shippedRole('coding-agent') })
  try {
    const keyFile = join(gate.folder, 'attack.key')
    writeFileSync(keyFile, gate.key, { mode: 0o600 })
    const words = ['attack', '-c', gate.policyFile, '--against', gate.data, '--key-file', keyFile]
    const unasked = await cli(words)
    expect([unasked.code, unasked.err]).toEqual([2, expect.stringContaining('confirm it with --yes')])
    expect(gate.requests().length).toBe(1)
    const { code, out } = await cli([...words, '--yes', '--json'])
    const { through, tried } = JSON.parse(out)
    expect({ code, through }).toEqual({ code: 0, through: [] })
    expect(tried).toBeGreaterThan(90)
    expect(
      model.seen.some(({ url, text }) => url.includes('delete') || text.includes('torwart-forbidden')),
    ).toBe(false)
  } finally {
    await gate.close()
    await model.close()
  }
})

it('an agent files 15,000 tickets, and behind the gateway fewer than the breaker allows in a minute', async () => {
  const { out } = await cli(['attack', '--scenario', 'tickets', '--json'])
  const [played] = JSON.parse(out).scenarios
  expect(Number.parseInt(played.without.damage, 10)).toBeGreaterThan(1000)
  expect(Number.parseInt(played.with.damage, 10)).toBeLessThanOrEqual(60)
})

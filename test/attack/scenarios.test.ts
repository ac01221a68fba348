/** The playbook's accidents, each played on both sides. */
import { expect, it } from 'vitest'
import { cli } from '../rig/cli.ts'

interface Played {
  scenarios: { with: { damage: string }; without: { damage: string } }[]
}

async function damageOf(name: string) {
  const { code, out } = await cli(['attack', '--scenario', name, '--json'])
  expect(code).toBe(0)
  const [played] = (JSON.parse(out) as Played).scenarios
  return [played?.without.damage, played?.with.damage]
}

it('a support chat loses its customers and its password, and behind the gateway neither', async () => {
  expect(await damageOf('support-chat')).toEqual([
    '4212 of 4212 customers deleted, the password is in the log',
    '0 of 4212 customers deleted, no password in the log',
  ])
})

it('a clinic hands out patients, and behind the gateway only words that no detector knows', async () => {
  expect(await damageOf('clinic')).toEqual([
    '3 names, 3 addresses, 3 phone numbers and 3 illnesses handed out, a file was read, the order reached the model',
    '0 names, 0 addresses, 0 phone numbers and 3 illnesses handed out, no file was read, the order did not reach the model',
  ])
})

it('a poisoned model answers, and behind the gateway is in quarantine', async () => {
  expect(await damageOf('poisoned-model')).toEqual([
    '20 of 20 invoices paid to the attacker',
    '0 of 20 invoices paid to the attacker',
  ])
})

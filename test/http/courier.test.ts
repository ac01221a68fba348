/** A name of the policy that turns out to be far away: prompts must not leave the network. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createCourier } from '../../src/http/courier.ts'
import { loadPolicy } from '../../src/policy/load.ts'
import { type ModelServer, startModelServer } from '../rig/model-server.ts'

let model: ModelServer
const folder = mkdtempSync(join(tmpdir(), 'torwart-courier-'))
beforeAll(async () => {
  model = await startModelServer()
})
afterAll(async () => {
  await model.close()
  rmSync(folder, { recursive: true, force: true })
})

/** Sends one request to a server whose name has these addresses, or cannot be connected to. @returns the status, or the refusal's code */
async function send(
  addresses: readonly string[],
  remote = false,
  failure?: string,
): Promise<number | string> {
  const file = join(folder, 'torwart.yaml')
  const url = `http://models.example:${new URL(model.url).port}`
  writeFileSync(
    file,
    `version: 1\nupstreams: [{ name: a, url: "${url}", kind: ollama, remote: ${remote} }]\n`,
  )
  const { policy } = loadPolicy(file, {})
  const resolve = (
    _name: string,
    _options: object,
    callback: (error: Error | null, found: object[]) => void,
  ) =>
    callback(
      failure === undefined ? null : Object.assign(new Error(), { code: failure }),
      addresses.map((address) => ({ address, family: 4 })),
    )
  const courier = createCourier(() => policy, resolve as never)
  try {
    return await new Promise<number | string>((done) => {
      const [upstream] = policy.upstreams
      const parcel = {
        upstream,
        method: 'POST' as const,
        path: '/api/chat',
        body: {},
        file: undefined,
        flow: undefined,
        traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
        firstByteMs: 5000,
        silenceMs: 5000,
      }
      courier.send(parcel, {
        head: (status) => done(status),
        data: () => {},
        end: () => {},
        fail: ({ code }) => done(code),
      })
    })
  } finally {
    await courier.close()
  }
}

describe('the name of a model server', () => {
  it('may have an address nearby', async () => expect(await send(['127.0.0.1'])).toBe(200))
  it('may not have a public one', async () =>
    expect(await send(['203.0.113.9'])).toBe('upstream_unavailable'))
  it('may not have a public one beside a near one', async () =>
    expect(await send(['127.0.0.1', '203.0.113.9'])).toBe('upstream_unavailable'))
})

describe('a gate that has no descriptor left', () => {
  it.each(['EMFILE', 'ENFILE', 'EADDRNOTAVAIL'])(
    'says so of itself at %s, not of its model server',
    async (code) => expect(await send([], false, code)).toBe('overloaded'),
  )
})

/** Keys of a fleet in Redis: gateways with a folder each know the same keys, tokens and revocations. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { Redis } from 'ioredis'
import { afterEach, describe, expect, it } from 'vitest'
import { cli } from '../rig/cli.ts'
import { type RunningGate, startGate } from '../rig/gate.ts'
import { type ModelServer, startModelServer } from '../rig/model-server.ts'
import { hasRedis, type RedisServer, startRedis } from '../rig/redis.ts'
import { until } from '../rig/wait.ts'

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

async function start(): Promise<{
  redis: RedisServer
  model: ModelServer
  gates: [RunningGate, RunningGate]
}> {
  const redis = await startRedis()
  open.push({ close: () => redis.stop() })
  const model = await startModelServer()
  open.push(model)
  const gate = async () => {
    const started = await startGate({
      upstream: model.url,
      more: `store: { redis: "${redis.url}", timeout: 5s }\nkeys: { file: keys.yaml, redis: true }\ndoor: { failuresPerMinute: 100000 }\n`,
    })
    open.push(started)
    return started
  }
  return { redis, model, gates: [await gate(), await gate()] }
}
const lineOf = (id: string, text: string) => text.split('\n').find((line) => line.includes(id)) ?? ''
const status = async (gate: RunningGate, credential: string) =>
  (await gate.get('/api/version', { authorization: `Bearer ${credential}` })).status

describe.skipIf(!hasRedis)('keys in Redis', () => {
  it('are known on every gateway, whoever made them, and so is their revocation', async () => {
    const { gates } = await start()
    const [one, other] = gates
    // A connection that is not made yet is no failure.
    for (const gate of gates) expect(gate.logged()).not.toContain('cannot synchronise keys')
    // What each had in its file when it joined.
    await until(async () => (await status(one, other.key)) === 200)
    await until(async () => (await status(other, one.key)) === 200)
    const words = ['key', 'create', '--name', 'x', '--role', 'agent', '--json', '-c', one.policyFile]
    const made = JSON.parse((await cli(words)).out) as { id: string; key: string }
    for (const gate of gates) await until(async () => (await status(gate, made.key)) === 200)
    const revoked = await cli(['key', 'revoke', made.id, '-c', other.policyFile])
    expect(revoked.code, revoked.err).toBe(0)
    for (const gate of gates) await until(async () => (await status(gate, made.key)) === 401)
  })

  it('changed in two places at once are all changed', async () => {
    const { gates } = await start()
    const made = await Promise.all(
      Array.from({ length: 6 }, async (_, index) => {
        const policy = gates[index % 2 === 0 ? 0 : 1].policyFile
        const words = ['key', 'create', '--name', `n${index}`, '--role', 'agent', '--json', '-c', policy]
        return JSON.parse((await cli(words)).out) as { key: string }
      }),
    )
    for (const gate of gates)
      for (const { key } of made) await until(async () => (await status(gate, key)) === 200)
  })

  it('let a token work on every gateway, and end on every gateway', async () => {
    const { gates } = await start()
    const [one, other] = gates
    await until(async () => (await status(other, one.key)) === 200)
    const words = ['token', 'mint', '--key', one.keyId, '--json', '-c', one.policyFile]
    const { token, id } = JSON.parse((await cli(words)).out) as { token: string; id: string }
    for (const gate of gates) await until(async () => (await status(gate, token)) === 200)
    expect((await cli(['token', 'revoke', id, '-c', other.policyFile])).code).toBe(0)
    for (const gate of gates) await until(async () => (await status(gate, token)) === 401)
  })

  it('are kept in a copy that holds while Redis is away; a revocation holds there at once, and everywhere later', async () => {
    const { redis, gates } = await start()
    const [one, other] = gates
    await until(async () => (await status(one, other.key)) === 200)
    redis.process.kill('SIGSTOP')
    const revoked = await cli(['key', 'revoke', other.keyId, '-c', one.policyFile])
    expect(revoked.code).toBe(1)
    expect(revoked.err).toContain('Redis does not answer')
    const disabled = await cli(['key', 'disable', one.keyId, '-c', other.policyFile])
    expect(disabled.code).toBe(1)
    redis.process.kill('SIGCONT')
    for (const gate of gates)
      for (const { key } of gates) await until(async () => (await status(gate, key)) === 401)
  })

  it('revoked beside a rotation of the same key stay revoked', async () => {
    const { gates } = await start()
    const [one, other] = gates
    for (let round = 0; round < 5; round++) {
      const words = ['key', 'create', '--name', 'x', '--role', 'agent', '--json', '-c', one.policyFile]
      const { id } = JSON.parse((await cli(words)).out) as { id: string }
      await until(async () => (await cli(['key', 'list', '-c', other.policyFile])).out.includes(id))
      const [rotated, revoked] = await Promise.all([
        cli(['key', 'rotate', id, '--json', '-c', one.policyFile]),
        cli(['key', 'revoke', id, '-c', other.policyFile]),
      ])
      expect(revoked.code).toBe(0)
      const fresh = rotated.code === 0 ? (JSON.parse(rotated.out) as { key: string }).key : 'none'
      for (const gate of gates) await until(async () => (await status(gate, fresh)) === 401)
      for (const gate of gates)
        await until(async () =>
          /revoked/.test(lineOf(id, (await cli(['key', 'list', '-c', gate.policyFile])).out)),
        )
    }
  })

  it('revoked stay so when Redis has lost everything and an old copy comes first', async () => {
    const { redis, gates } = await start()
    const [one, other] = gates
    await until(async () => (await status(other, one.key)) === 200)
    const old = readFileSync(one.keysFile, 'utf8')
    expect((await cli(['key', 'revoke', other.keyId, '-c', other.policyFile])).code).toBe(0)
    await until(async () => (await status(one, other.key)) === 401)
    const client = new Redis(redis.url)
    await client.flushall()
    writeFileSync(one.keysFile, old)
    await client.quit()
    for (const gate of gates) await until(async () => (await status(gate, other.key)) === 401)
    await until(async () =>
      /revoked/.test(lineOf(other.keyId, readFileSync(one.keysFile, 'utf8').replaceAll('\n   ', ' '))),
    )
  })

  it('come back from Redis where the copy was lost', async () => {
    const { gates } = await start()
    const [one, other] = gates
    await until(async () => (await status(one, other.key)) === 200)
    rmSync(one.keysFile)
    await until(async () => (await cli(['key', 'list', '-c', one.policyFile])).out.includes(other.keyId))
    expect(await status(one, one.key)).toBe(200)
  })
})

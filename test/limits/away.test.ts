/** A Redis that is away, hung, slow, forgetful, read-only, failing over, locked or encrypted: a real one each time. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { afterEach, describe, expect, it } from 'vitest'
import { approvalOf } from '../../src/approvals/approval.ts'
import { createRedisApprovals } from '../../src/approvals/redis.ts'
import { systemClock } from '../../src/core/clock.ts'
import type { RedisServers } from '../../src/core/redis-servers.ts'
import { shareFreezes } from '../../src/kill-switch/shared.ts'
import { createFallbackStore } from '../../src/limits/fallback.ts'
import { createLeaseRenewer } from '../../src/limits/lease-renewer.ts'
import { createMemoryStore } from '../../src/limits/memory/memory.ts'
import type { Account, Claim, Store } from '../../src/limits/store.ts'
import { createRedisClient, type RedisClient } from '../../src/redis/client.ts'
import { nameOfRedisError } from '../../src/redis/faults.ts'
import { openStore } from '../../src/server/limit-store.ts'
import { createLog } from '../../src/telemetry/log.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { shareToolCalls } from '../../src/tool-policy/calls/shared.ts'
import { wish } from '../rig/approvals.ts'
import { stillClock } from '../rig/clock.ts'
import { budget, claim, entry, freshKey as key, settlement } from '../rig/limits.ts'
import { freePort, hasRedis, type RedisServer, startRedis } from '../rig/redis.ts'
import { makeRedisStore, openRedisStore, type RedisStore, serversAt } from '../rig/stores.ts'
import { until } from '../rig/wait.ts'

const open: { close(): Promise<unknown> }[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})
async function server(words: readonly string[] = [], port?: number): Promise<RedisServer> {
  const redis = await startRedis({ words, ...(port === undefined ? {} : { port }) })
  open.push({ close: () => redis.stop() })
  return redis
}
async function storeOf(opening: Promise<RedisStore>): Promise<RedisStore> {
  const store = await opening
  open.push(store)
  return store
}
function clientOf(servers: RedisServers): RedisClient {
  const redis = createRedisClient(servers, 5000)
  open.push(redis)
  return redis
}
const works = async (store: Store) => {
  try {
    return (await store.admit(entry(key(), 10), budget())).outcome === 'admitted'
  } catch {
    return false
  }
}
const isAway = { code: 'store_unavailable' }

describe.skipIf(!hasRedis)('a Redis that', () => {
  it('hangs costs one request its budget, the next ones nothing, and is back by itself', async () => {
    const redis = await server()
    const store = await storeOf(openRedisStore(serversAt(redis.url), { timeoutMs: 100 }))
    redis.process.kill('SIGSTOP')
    const left = budget(100)
    await expect(store.admit(entry(key(), 1), left)).rejects.toMatchObject(isAway)
    expect(left.leftMs).toBeLessThan(10)
    const untouched = budget(100)
    await expect(store.admit(entry(key(), 1), untouched)).rejects.toMatchObject(isAway)
    expect(untouched.leftMs).toBe(100)
    expect(await store.check()).toBe(false)
    redis.process.kill('SIGCONT')
    // Nobody has to send a request for that.
    await until(() => store.check())
    expect(await works(store)).toBe(true)
  })

  it('is told to be away once, and once when it is back', async () => {
    const redis = await server()
    const clock = stillClock(0)
    let logged = ''
    const log = createLog('info', {
      write(line) {
        logged += line
      },
    })
    const store = await openStore({
      onFailure: 'local',
      redis: clientOf(serversAt(redis.url)),
      local: createMemoryStore(clock),
      clock,
      metrics: createMetrics(),
      log,
    })
    open.push(store)
    await until(() => logged.includes('redis answers'))
    await redis.stop()
    for (let index = 0; index < 5; index++) {
      await until(async () => (await store.admit(entry(key(), 10), budget())).local)
      clock.advance(2000)
    }
    await until(() => logged.includes('"redis is away"'))
    clock.advance(2000)
    await server([], redis.port)
    await until(() => logged.split('redis answers').length === 3)
    const told = logged
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { msg: string }).msg)
    expect(told.toSorted()).toEqual([
      'Redis is unavailable; limits are counted in this gateway alone',
      'redis answers',
      'redis answers',
      'redis is away',
    ])
  })

  it('is told with the address that refuses and the system’s errno', async () => {
    const redis = await server()
    await redis.stop()
    let logged = ''
    const log = createLog('info', {
      write(line) {
        logged += line
      },
    })
    open.push(
      await openStore({
        onFailure: 'refuse',
        redis: clientOf(serversAt(redis.url)),
        local: createMemoryStore(systemClock),
        clock: systemClock,
        metrics: createMetrics(),
        log,
      }),
    )
    const line = await until(() => logged.split('\n').find((each) => each.includes('redis is away')))
    expect(JSON.parse(line)).toMatchObject({
      cause: 'ECONNREFUSED',
      redis: `127.0.0.1:${redis.port}`,
      errno: -constants.errno.ECONNREFUSED,
    })
  })

  it('was hung while requests ended gets their slots and tokens when it is back', async () => {
    const redis = await server()
    const store = await storeOf(openRedisStore(serversAt(redis.url), { timeoutMs: 100 }))
    const account = key()
    const running = [
      claim(account, { concurrent: 2, tokensPerMinute: 100 }),
      claim(account, { concurrent: 2, tokensPerMinute: 100 }),
    ]
    for (const each of running) await store.reserve(each, budget())
    redis.process.kill('SIGSTOP')
    for (const each of running)
      await expect(store.settle(settlement(each, { spent: 7 }), budget())).rejects.toMatchObject(isAway)
    redis.process.kill('SIGCONT')
    const next = await until(async () => {
      try {
        const answer = await store.reserve(claim(account, { concurrent: 2, tokensPerMinute: 100 }), budget())
        return answer.outcome === 'granted' && answer
      } catch {
        return false
      }
    })
    expect(next.tokens?.remaining).toBe(100 - 14 - 10)
  })

  it('was hung eats no quota: what comes too late is not counted', async () => {
    const redis = await server()
    const store = await storeOf(openRedisStore(serversAt(redis.url), { timeoutMs: 100 }))
    const account = key()
    const day = { scope: 'token', name: account.name } as const
    const ask = () => {
      const once = entry(account, 3, { breaker: { account, actionsPerMinute: 3 } })
      return store.admit(
        { ...once, limits: [...once.limits, { account: day, limit: 3, perDay: true }] },
        budget(100),
      )
    }
    const other = key()
    const repetition = { account: other, limit: { same: 2, windowMs: 60_000 }, things: ['p'] }
    const take = (leftMs: number) =>
      store.reserve(
        claim(other, { requestsPerMinute: 2, tokensPerMinute: 100 }, { repetition }),
        budget(leftMs),
      )
    redis.process.kill('SIGSTOP')
    const asked = await Promise.allSettled([ask(), ask(), ask(), take(100), take(100)])
    expect(asked.map(({ status }) => status)).toEqual(Array.from({ length: 5 }, () => 'rejected'))
    redis.process.kill('SIGCONT')
    await until(() => store.check())
    for (let time = 0; time < 3; time++) expect((await ask()).outcome).toBe('admitted')
    for (let time = 0; time < 2; time++) expect((await take(5000)).outcome).toBe('granted')
  })

  it('has another clock from now on is asked once more', async () => {
    const redis = await server()
    const clock = new Redis(redis.url)
    open.push({ close: async () => clock.disconnect() })
    await clock.set('clock', 1_900_000_000_000)
    const serverTime = "tonumber(redis.call('GET', 'clock'))"
    const store = await storeOf(openRedisStore(serversAt(redis.url), { timeoutMs: 1000, serverTime }))
    const account = key()
    for (const jump of [7_200_000, -7_200_000, 3_600_000]) {
      await clock.incrby('clock', jump)
      expect((await store.admit(entry(account, 3), budget())).outcome).toBe('admitted')
    }
  })

  it('answered a reservation too late gets it back', async () => {
    const redis = await server()
    const store = await storeOf(openRedisStore(serversAt(redis.url), { timeoutMs: 100 }))
    const account = key()
    redis.process.kill('SIGSTOP')
    // On its way, and carried out as soon as the server goes on.
    await expect(store.reserve(claim(account, { concurrent: 1 }), budget(100))).rejects.toMatchObject(isAway)
    redis.process.kill('SIGCONT')
    await until(() => store.check())
    await until(
      async () => (await store.reserve(claim(account, { concurrent: 1 }), budget())).outcome === 'granted',
    )
  })

  it('was killed and restarted is met with what still runs', async () => {
    const redis = await server()
    let keeper: ReturnType<typeof createLeaseRenewer> | undefined
    const shared = makeRedisStore(serversAt(redis.url), {
      timeoutMs: 5000,
      onBack: () => void keeper?.renewAll(),
    })
    keeper = createLeaseRenewer(shared, () => {})
    open.push(keeper)
    await shared.opened(5000)
    const store = keeper
    const account = key()
    const running = claim(account, { concurrent: 1 })
    await store.reserve(running, budget())
    await redis.stop()
    await until(async () => !(await store.check()))
    await server([], redis.port)
    await until(() => store.check())
    expect((await store.reserve(claim(account, { concurrent: 1 }), budget())).outcome).toBe('concurrent')
    await store.settle(settlement(running), budget())
    expect((await store.reserve(claim(account, { concurrent: 1 }), budget())).outcome).toBe('granted')
  })

  it('cannot count one account counts the others', async () => {
    const redis = await server()
    const store = await storeOf(openRedisStore(serversAt(redis.url)))
    const [broken, sound] = [key(), key()]
    const client = new Redis(redis.url)
    await client.set(`{test}:use:key:${broken.name}`, 'of the wrong type')
    client.disconnect()
    const answers = await Promise.allSettled([
      store.admit(entry(broken, 5), budget()),
      store.admit(entry(sound, 5), budget()),
    ])
    expect(answers).toMatchObject([
      { status: 'rejected', reason: isAway },
      { status: 'fulfilled', value: { outcome: 'admitted' } },
    ])
    expect(await store.check()).toBe(true)
  })

  it('gets a reservation too late holds nothing for it, though it never was away', async () => {
    const redis = await server()
    const store = await storeOf(openRedisStore(serversAt(redis.url), { timeoutMs: 2000 }))
    const account = key()
    redis.process.kill('SIGSTOP')
    const givenUpAt = performance.now() + 50
    const late = expect(store.reserve(claim(account, { concurrent: 1 }), budget(50))).rejects.toMatchObject(
      isAway,
    )
    await late
    // Timers may fire a fraction of a millisecond before their time, and what came in time holds.
    await until(() => performance.now() > givenUpAt + 2)
    redis.process.kill('SIGCONT')
    expect((await store.reserve(claim(account, { concurrent: 1 }), budget())).outcome).toBe('granted')
  })

  it('answers an admission with its reservation too late gets the reservation back', async () => {
    const redis = await server()
    const store = await storeOf(openRedisStore(serversAt(redis.url), { timeoutMs: 100 }))
    const account = key()
    const both = (budgetMs?: number) =>
      store.admitAndReserve(entry(account, 100), claim(account, { concurrent: 1 }), budget(budgetMs))
    redis.process.kill('SIGSTOP')
    await expect(both(100)).rejects.toMatchObject(isAway)
    redis.process.kill('SIGCONT')
    await until(() => store.check())
    await until(async () => {
      const { reservation } = await both()
      return reservation && 'outcome' in reservation && reservation.outcome === 'granted'
    })
  })

  it('cannot count a reservation has counted its admission all the same', async () => {
    const redis = await server()
    const store = await storeOf(openRedisStore(serversAt(redis.url)))
    const [account, broken] = [key(), key()]
    const client = new Redis(redis.url)
    await client.set(`{test}:use:key:${broken.name}`, 'of the wrong type')
    client.disconnect()
    const both = (counted: Account, reserved: Account) =>
      store.admitAndReserve(entry(counted, 5), claim(reserved, { concurrent: 1 }), budget())
    expect(await both(account, broken)).toMatchObject({
      admission: { outcome: 'admitted', standing: { remaining: 4 } },
      reservation: isAway,
    })
    await expect(both(broken, account)).rejects.toMatchObject(isAway)
    // Nothing was reserved for what was not admitted.
    expect(await both(account, account)).toMatchObject({ reservation: { outcome: 'granted' } })
    expect(await store.check()).toBe(true)
  })

  it('is away, or was when it was asked last, is asked at once', async () => {
    const redis = await server()
    const store = await storeOf(openRedisStore(serversAt(redis.url), { timeoutMs: 100 }))
    const account = key()
    const ask = () => entry(account, 100)
    expect(store.defer(ask())).toBe(false)
    await store.admit(ask(), budget())
    const waiting = ask()
    expect(store.defer(waiting)).toBe(true)
    redis.process.kill('SIGSTOP')
    await expect(
      store.admitAndReserve(waiting, claim(account, { concurrent: 5 }), budget(100)),
    ).rejects.toMatchObject(isAway)
    expect(store.defer(ask())).toBe(false)
    redis.process.kill('SIGCONT')
    await until(() => store.check())
    expect(store.defer(ask())).toBe(false)
    await store.admit(ask(), budget())
    expect(store.defer(ask())).toBe(true)
  })

  it('forgot its scripts is told them again', async () => {
    const redis = await server()
    const store = await storeOf(openRedisStore(serversAt(redis.url)))
    const account = key()
    await store.admit(entry(account, 3), budget())
    const client = new Redis(redis.url)
    await client.script('FLUSH')
    client.disconnect()
    const answers = await Promise.all([1, 2, 3].map(() => store.admit(entry(account, 3), budget())))
    expect(answers.filter(({ outcome }) => outcome === 'admitted')).toHaveLength(2)
    expect(await store.check()).toBe(true)
  })

  it('refuses to write is away, until it is a master again', async () => {
    const redis = await server()
    const failures: string[] = []
    const store = await storeOf(
      Promise.resolve(
        makeRedisStore(serversAt(redis.url), {
          timeoutMs: 5000,
          onAway: (error) => failures.push(nameOfRedisError(error)),
        }),
      ),
    )
    await store.opened(5000)
    const client = new Redis(redis.url)
    client.on('error', () => {})
    await client.replicaof('127.0.0.1', await freePort())
    await until(async () => !(await works(store)))
    expect(failures).toContain('READONLY')
    expect(await store.check()).toBe(false)
    await client.replicaof('NO', 'ONE')
    client.disconnect()
    await until(() => works(store))
  })

  it('has no memory left is away', async () => {
    const redis = await server(['--maxmemory', '1', '--maxmemory-policy', 'noeviction'])
    const failures: string[] = []
    const store = makeRedisStore(serversAt(redis.url), {
      timeoutMs: 5000,
      onAway: (error) => failures.push(nameOfRedisError(error)),
    })
    open.push(store)
    await until(() => failures.includes('OOM'))
    await expect(store.admit(entry(key(), 1), budget())).rejects.toMatchObject(isAway)
  })

  it('is not there is a refusal at once', async () => {
    const store = makeRedisStore(serversAt('redis://127.0.0.1:1'), {
      timeoutMs: 250,
    })
    open.push(store)
    const untouched = budget(250)
    await expect(store.admit(entry(key(), 1), untouched)).rejects.toMatchObject(isAway)
    expect(untouched.leftMs).toBe(250)
  })

  it('fails over is followed by its sentinels', { timeout: 60_000 }, async () => {
    const master = await server(['--repl-diskless-sync-delay', '0'])
    const replica = await server(['--replicaof', '127.0.0.1', `${master.port}`])
    const [first, other] = [new Redis(master.url), new Redis(replica.url)]
    // A sentinel looks every ten seconds: what it is to find must be there before it.
    await until(async () => /state=online/.test(await first.info('replication')))
    const folder = mkdtempSync(join(tmpdir(), 'torwart-sentinel-'))
    open.push({ close: async () => rmSync(folder, { recursive: true, force: true }) })
    const sentinel = await startRedis({ sentinel: { folder, master: master.port } })
    open.push({ close: () => sentinel.stop() })
    const watcher = new Redis(sentinel.url)
    for (const client of [first, other, watcher]) {
      client.on('error', () => {})
      open.push({ close: async () => client.disconnect() })
    }
    await until(async () => {
      const replicas = (await watcher.call('SENTINEL', 'REPLICAS', 'mymaster')) as string[][]
      return replicas.some((fields) => fields.includes('ok') && fields.includes(`${replica.port}`))
    })
    const store = await storeOf(
      openRedisStore(serversAt(sentinel.url, { kind: 'sentinel' }), { timeoutMs: 1000 }),
    )
    expect(await works(store)).toBe(true)
    // What it knows of the replica may be old; then it takes the order and gives up. Ordered once more after it was
    // carried out, it would turn everything round again.
    await until(async () => {
      if (/role:master/.test(await other.info('replication'))) return true
      await watcher.call('SENTINEL', 'FAILOVER', 'mymaster').catch(() => {})
      return false
    })
    await master.stop()
    await until(() => works(store))
    expect((await other.keys('*')).length).toBeGreaterThan(0)
  })

  it('is a cluster keeps all keys of a script on one node', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'torwart-cluster-'))
    open.push({ close: async () => rmSync(folder, { recursive: true, force: true }) })
    const redis = await server([
      '--cluster-enabled',
      'yes',
      '--cluster-announce-ip',
      '127.0.0.1',
      '--dir',
      folder,
    ])
    const client = new Redis(redis.url)
    await client.cluster('ADDSLOTSRANGE', 0, 16383)
    await until(async () => /cluster_state:ok/.test(await client.cluster('INFO')))
    client.disconnect()
    const store = await storeOf(openRedisStore(serversAt(redis.url, { kind: 'cluster' })))
    const account = key()
    const all = claim(account, { concurrent: 1, tokensPerMinute: 100 })
    const shared: Claim = {
      ...all,
      accounts: [...all.accounts, { ...all.accounts[0], account: { scope: 'all', name: '' } } as never],
      repetition: { account, limit: { same: 2, windowMs: 60_000 }, things: ['a'] },
    }
    expect((await store.admit(entry(account, 5), budget())).outcome).toBe('admitted')
    expect((await store.reserve(shared, budget())).outcome).toBe('granted')
    await store.settle(settlement(shared, { spent: 5 }), budget())
    await store.renew([{ lease: 'x', claim: shared, trial: account }])
    expect(await store.closeBreaker(account, budget())).toBe(false)
  })

  it('asks for a user, a password and a database is served by the user that deploy/several-gateways.md describes', async () => {
    const page = readFileSync(new URL('../../deploy/several-gateways.md', import.meta.url), 'utf8')
    const rights = /ACL SETUSER torwart on >… (.*)/.exec(page)?.[1]?.replaceAll('{torwart}', '{other}') ?? ''
    const users = `--user gate on >s3cret ${rights} --user admin on >s3cret ~* &* +@all --user default off`
    const redis = await server(users.split(' '))
    const url = (rest: string) => `redis://${rest}127.0.0.1:${redis.port}/3`
    const servers = serversAt(url('gate:s3cret@'), { prefix: 'other' })
    const store = await storeOf(openRedisStore(servers))
    const account = key()
    expect(await works(store)).toBe(true)
    const one = {
      ...claim(account, { concurrent: 1, tokensPerMinute: 100 }),
      repetition: { account, limit: { same: 2, windowMs: 60_000 }, things: ['a'] },
    }
    await store.reserve(one, budget())
    await store.renew([{ lease: one.lease, claim: one, trial: account }])
    await store.settle(settlement(one, { spent: 5 }), budget())
    await store.closeBreaker(account, budget())
    const errors: string[] = []
    const shared = clientOf(servers)
    shared.observe({ onAway: (error) => errors.push(nameOfRedisError(error)) })
    const freezes = shareFreezes(shared)
    let told = 0
    freezes.onNews(() => told++)
    const order = { kind: 'all', name: '', frozen: true, why: 'w', by: 'b', at: 1, until: null } as const
    await until(async () => {
      await freezes.write([{ ...order, at: Date.now() }]).catch(() => {})
      return told > 0
    })
    expect(await freezes.read()).toHaveLength(1)
    const approvals = createRedisApprovals(shared)
    let decided = 0
    approvals.onNews(() => decided++)
    await until(async () => {
      const [standing] = await approvals.take(approvalOf(wish, 'masked'), 60_000)
      const { id } = 'approval' in standing ? standing.approval : { id: '' }
      if (standing.kind === 'pending') await approvals.decide(id, { state: 'approved', by: 'b', why: null })
      return decided > 0
    })
    await approvals.sweep()
    const calls = shareToolCalls(shared, 10)
    await until(() =>
      calls.note('a', ['m']).then(
        () => true,
        () => false,
      ),
    )
    expect(await calls.known('a', ['m', 'n'])).toEqual(['m'])
    expect(errors).toEqual([])
    const client = new Redis(url('admin:s3cret@'))
    const keys = await client.keys('*')
    client.disconnect()
    expect(keys.length).toBeGreaterThan(0)
    for (const each of keys) expect(each).toMatch(/^\{other\}:/)
    const failures: string[] = []
    const locked = makeRedisStore(serversAt(url('gate:wr0ng@')), {
      timeoutMs: 250,
      onAway: (error) => failures.push(nameOfRedisError(error)),
    })
    open.push(locked)
    await until(() => failures.includes('WRONGPASS'))
    await expect(locked.admit(entry(key(), 1), budget())).rejects.toMatchObject(isAway)
    expect(failures.join()).not.toMatch(/wr0ng|s3cret/)
  })

  it('speaks TLS is trusted by the CA of the policy and by no other', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'torwart-tls-'))
    open.push({ close: async () => rmSync(folder, { recursive: true, force: true }) })
    const openssl = (...words: string[]) => execFileSync('openssl', words, { cwd: folder, stdio: 'pipe' })
    for (const name of ['ca', 'stranger'])
      openssl(
        'req',
        '-x509',
        '-newkey',
        'rsa:2048',
        '-nodes',
        '-days',
        '2',
        '-subj',
        `/CN=${name}`,
        '-keyout',
        `${name}.key`,
        '-out',
        `${name}.crt`,
      )
    openssl(
      'req',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-subj',
      '/CN=localhost',
      '-addext',
      'subjectAltName=IP:127.0.0.1',
      '-keyout',
      'redis.key',
      '-out',
      'redis.csr',
    )
    openssl(
      'x509',
      '-req',
      '-in',
      'redis.csr',
      '-CA',
      'ca.crt',
      '-CAkey',
      'ca.key',
      '-CAcreateserial',
      '-days',
      '2',
      '-copy_extensions',
      'copy',
      '-out',
      'redis.crt',
    )
    const port = await freePort()
    const at = (name: string) => join(folder, name)
    await server([
      '--tls-port',
      `${port}`,
      '--tls-cert-file',
      at('redis.crt'),
      '--tls-key-file',
      at('redis.key'),
      '--tls-ca-cert-file',
      at('ca.crt'),
      '--tls-auth-clients',
      'no',
    ])
    const url = `rediss://127.0.0.1:${port}`
    const store = await storeOf(openRedisStore(serversAt(url, { ca: at('ca.crt') })))
    expect(await works(store)).toBe(true)
    const wary = makeRedisStore(serversAt(url, { ca: at('stranger.crt') }), {
      timeoutMs: 250,
    })
    open.push(wary)
    await wary.opened(300)
    await expect(wary.admit(entry(key(), 1), budget())).rejects.toMatchObject(isAway)
  })
})

describe.skipIf(!hasRedis)('`onFailure: local`', () => {
  it('counts in this process while Redis is away, says so, and settles where it reserved', async () => {
    const redis = await server()
    const shared = await openRedisStore(serversAt(redis.url), { timeoutMs: 100 })
    let told = 0
    const store = createFallbackStore(shared, createMemoryStore(systemClock), () => told++)
    open.push(store)
    const account = key()
    const before = claim(account, { concurrent: 1 })
    expect(await store.admit(entry(account, 5), budget())).toMatchObject({
      outcome: 'admitted',
      local: false,
    })
    await store.reserve(before, budget())
    redis.process.kill('SIGSTOP')
    await expect(store.admit(entry(account, 1), budget(100))).resolves.toMatchObject({
      outcome: 'admitted',
      local: true,
    })
    expect(await store.admit(entry(account, 1), budget())).toMatchObject({ outcome: 'requests', local: true })
    expect([store.mode, await store.check(), told]).toEqual(['local', false, 2])
    const during = claim(account, { concurrent: 1 })
    expect(await store.reserve(during, budget())).toMatchObject({ outcome: 'granted', local: true })
    expect((await store.reserve(claim(account, { concurrent: 1 }), budget())).outcome).toBe('concurrent')
    const other = key()
    const both = (limit: number) =>
      store.admitAndReserve(entry(other, limit), claim(other, { concurrent: 1 }), budget())
    expect(await both(1)).toMatchObject({
      admission: { outcome: 'admitted', local: true },
      reservation: { outcome: 'granted', local: true },
    })
    expect(await both(1)).toMatchObject({ admission: { outcome: 'requests' }, reservation: undefined })
    expect(await both(5)).toMatchObject({ reservation: { outcome: 'concurrent', local: true } })
    await store.settle(settlement(before), budget())
    redis.process.kill('SIGCONT')
    await until(() => store.check())
    expect(store.mode).toBe('shared')
    await until(
      async () => (await store.reserve(claim(account, { concurrent: 1 }), budget())).outcome === 'granted',
    )
    await store.settle(settlement(during), budget())
  })
})

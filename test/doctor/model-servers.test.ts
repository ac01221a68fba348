/** `doctor` looks at model servers that really listen, and at the processes behind them. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { advisories } from '../../src/doctor/advisories.ts'
import { localaiGalleries } from '../../src/doctor/checks/localai-galleries.ts'
import { localaiKey } from '../../src/doctor/checks/localai-key.ts'
import { ollamaCloud } from '../../src/doctor/checks/ollama-cloud.ts'
import { ollamaOrigins } from '../../src/doctor/checks/ollama-origins.ts'
import { serverListens } from '../../src/doctor/checks/server-listens.ts'
import { serverReachable } from '../../src/doctor/checks/server-reachable.ts'
import { affects, serverVersion } from '../../src/doctor/checks/server-version.ts'
import { ownAddresses } from '../../src/doctor/collect/model-server.ts'
import { readListeners } from '../../src/doctor/collect/proc.ts'
import { isBefore } from '../../src/doctor/versions.ts'
import { factsOf, findings, localai, missed, ollama, serve } from './deployment.ts'

const at = (port: number) => `http://127.0.0.1:${port}`

describe('a model server', () => {
  it('is found when it listens on all addresses, and not on loopback', async () => {
    const open = await factsOf({ url: at(await serve('0.0.0.0', ollama())) })
    expect(findings(serverListens, open)).toEqual(['high model-server-listens'])
    const closed = await factsOf({ url: at(await serve('127.0.0.1', ollama())) })
    expect(findings(serverListens, closed)).toEqual([])
    expect(missed(serverListens, closed)).toEqual([])
  })

  it('is found on IPv6 too', async () => {
    const port = await serve('::', ollama())
    const listeners = readListeners()
    const hosts = 'value' in listeners ? listeners.value.filter((each) => each.port === port) : []
    expect(hosts.map(({ host }) => host)).toEqual(['::'])
    expect(findings(serverListens, await factsOf({ url: at(port) }))).toEqual(['high model-server-listens'])
  })

  it.skipIf(ownAddresses().length === 0)('is reached past the gateway only where it answers', async () => {
    const open = await factsOf({ url: at(await serve('0.0.0.0', ollama())) })
    expect(findings(serverReachable, open)).toEqual(['critical model-server-reachable'])
    const closed = await factsOf({ url: at(await serve('127.0.0.1', ollama())) })
    expect(findings(serverReachable, closed)).toEqual([])
  })

  it('on another host is said not to have been checked', async () => {
    const facts = await factsOf({ url: 'http://192.168.255.254:9', more: '' })
    expect(missed(serverListens, facts)).toEqual(['model-server-listens'])
    expect(missed(serverReachable, facts)).toEqual(['model-server-reachable'])
    expect(missed(serverVersion, facts)).toEqual(['model-server-version'])
  })

  it('may be called by web pages of any origin only with OLLAMA_ORIGINS=*', async () => {
    for (const allowed of ['*', 'https://torwart-doctor.invalid']) {
      const open = await factsOf({ url: at(await serve('127.0.0.1', ollama({ allowed }))) })
      expect(findings(ollamaOrigins, open)).toEqual(['high ollama-origins'])
    }
    const closed = await factsOf({ url: at(await serve('127.0.0.1', ollama())) })
    expect(findings(ollamaOrigins, closed)).toEqual([])
  })

  it('is asked whether cloud models are off', async () => {
    const on = await factsOf({ url: at(await serve('127.0.0.1', ollama({ cloudOff: false }))) })
    expect(findings(ollamaCloud, on)).toEqual(['medium ollama-cloud'])
    const off = await factsOf({ url: at(await serve('127.0.0.1', ollama())) })
    expect(findings(ollamaCloud, off)).toEqual([])
    const old = await factsOf({
      url: at(await serve('127.0.0.1', (_request, response) => response.end('{}'))),
    })
    expect(findings(ollamaCloud, old)).toEqual([])
    expect(missed(ollamaCloud, old)).toEqual(['ollama-cloud'])
  })

  it('is judged by the environment of its process', async () => {
    const script = `require('node:http').createServer((q, r) => r.end('{}')).listen(0, '127.0.0.1', function () { console.log(this.address().port) })`
    const env = { OLLAMA_ORIGINS: 'http://a.test, *', OLLAMA_NO_CLOUD: '1', OLLAMA_HOST: '0.0.0.0' }
    const child = spawn(process.execPath, ['-e', script], { env })
    try {
      const [line] = (await once(child.stdout, 'data')) as [Buffer]
      const facts = await factsOf({ url: at(Number(line)) })
      expect(facts.servers[0]?.environment).toMatchObject({ value: env })
      expect(findings(ollamaOrigins, facts)).toEqual(['high ollama-origins'])
      expect([...findings(ollamaCloud, facts), ...missed(ollamaCloud, facts)]).toEqual([])
    } finally {
      child.kill('SIGKILL')
    }
  })

  it('that does not answer is not called safe', async () => {
    const facts = await factsOf()
    for (const check of [serverListens, ollamaOrigins, ollamaCloud, serverVersion]) {
      expect(findings(check, facts)).toEqual([])
      expect(missed(check, facts)).toHaveLength(1)
    }
  })
})

describe('a LocalAI', () => {
  it('is found without a key, and not with one', async () => {
    const open = await factsOf({ kind: 'localai', url: at(await serve('127.0.0.1', localai())) })
    expect(findings(localaiKey, open)).toEqual(['high localai-key'])
    const keyed = localai({ key: 'a-key-of-localai' })
    const closed = await factsOf({ kind: 'localai', url: at(await serve('127.0.0.1', keyed)) })
    expect(findings(localaiKey, closed)).toEqual([])
    expect(missed(localaiGalleries, closed)).toEqual(['localai-galleries'])
  })

  it('is found with open galleries, and not without', async () => {
    const open = localai({ galleries: true })
    const facts = await factsOf({ kind: 'localai', url: at(await serve('127.0.0.1', open)) })
    expect(findings(localaiGalleries, facts)).toEqual(['medium localai-galleries'])
    const closed = await factsOf({ kind: 'localai', url: at(await serve('127.0.0.1', localai())) })
    expect(findings(localaiGalleries, closed)).toEqual([])
  })
})

describe('the list of known vulnerabilities', () => {
  it('finds an old server and passes a new one', async () => {
    const old = await factsOf({ url: at(await serve('127.0.0.1', ollama({ version: '0.17.0' }))) })
    expect(serverVersion(old).map((outcome) => 'what' in outcome && outcome.what)).toEqual([
      'local is version 0.17.0, which has CVE-2026-7482.',
    ])
    const current = await factsOf({ url: at(await serve('127.0.0.1', ollama({ version: '0.35.0' }))) })
    expect(serverVersion(current)).toEqual([])
    const built = await factsOf({ url: at(await serve('127.0.0.1', ollama({ version: '0.0.0' }))) })
    expect(missed(serverVersion, built)).toEqual(['model-server-version'])
  })

  it('has a source, and bounds that affect a version and spare another, for each entry', () => {
    for (const advisory of advisories) {
      expect(advisory.source).toMatch(/^https:\/\//)
      expect(affects(advisory, advisory.since ?? '0.0.1')).toBe(true)
      expect(affects(advisory, advisory.fixed ?? '99.0.0')).toBe(false)
      expect(advisory.since === undefined || !affects(advisory, '0.1.0')).toBe(true)
      expect(advisory.until === undefined || affects(advisory, advisory.until)).toBe(true)
    }
  })

  it('compares numbers, not texts', () => {
    expect(isBefore('0.9.6', '0.14.3')).toBe(true)
    expect(isBefore('v4.10.0 (82c191af)', '4.9.0')).toBe(false)
    expect(isBefore('0.14.3', '0.14.3')).toBe(false)
    expect(isBefore('unknown', '0.14.3')).toBe(false)
  })
})

/** What is scraped, the alerts on it, and the real Prometheus and Alertmanager with the files that are shipped. */
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { parse, stringify } from 'yaml'
import { startGate } from '../rig/gate.ts'
import { startModelServer } from '../rig/model-server.ts'
import { freePort } from '../rig/redis.ts'
import { until } from '../rig/wait.ts'

const root = new URL('../../', import.meta.url).pathname
const rulesFile = `${root}deploy/prometheus/torwart.rules.yml`
const read = (name: string) => parse(readFileSync(root + name, 'utf8'))

const isInstalled = (program: string) => {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
/** As Debian names them, and as they are published. */
const alertmanager = ['prometheus-alertmanager', 'alertmanager'].find(isInstalled)
const hasAll = isInstalled('promtool') && isInstalled('prometheus') && alertmanager !== undefined
const promtool = (words: readonly string[], input?: string) =>
  execFileSync('promtool', words, { encoding: 'utf8', input, stdio: 'pipe' })

interface Rules {
  readonly groups: readonly {
    readonly rules: readonly { readonly alert: string; readonly expr: string; readonly labels: object }[]
  }[]
}
interface Cases {
  readonly tests: readonly {
    readonly alert_rule_test: readonly {
      readonly alertname: string
      readonly exp_alerts: readonly object[]
    }[]
  }[]
}
const { groups } = read('deploy/prometheus/torwart.rules.yml') as Rules
const rules = groups.flatMap((group) => group.rules)
const cases = (read('test/deploy/alerts.yml') as Cases).tests.flatMap((each) => each.alert_rule_test)

describe('the alerts', () => {
  it.each(rules.map(({ alert }) => alert))(
    'has a series on which %s fires, and one on which it does not',
    (alert) => {
      const own = cases.filter(({ alertname }) => alertname === alert)
      expect(own.some(({ exp_alerts }) => exp_alerts.length > 0)).toBe(true)
      expect(own.some(({ exp_alerts }) => exp_alerts.length === 0)).toBe(true)
    },
  )

  it('ask for metrics that the gateway has', async () => {
    const model = await startModelServer()
    const gate = await startGate({ upstream: model.url })
    const metrics = await (await fetch(`${gate.admin}/metrics`)).text()
    for (const { alert, expr } of rules)
      for (const [name] of expr.matchAll(/torwart_\w+/g))
        expect([alert, metrics.includes(`# TYPE ${name} `)]).toEqual([alert, true])
    await gate.close()
    await model.close()
  })

  it('stand in the list for operators', () => {
    const page = readFileSync(`${root}deploy/monitoring.md`, 'utf8')
    for (const { alert } of rules) expect(page).toContain(`\`${alert}\``)
  })
})

describe.skipIf(!hasAll)('promtool and amtool', () => {
  it('accept the rules and both configurations', () => {
    expect(promtool(['check', 'rules', rulesFile])).toContain('SUCCESS')
    expect(
      promtool(['check', 'config', '--syntax-only', `${root}deploy/prometheus/prometheus.yml`]),
    ).toContain('SUCCESS')
    const checked = execFileSync('amtool', ['check-config', `${root}deploy/alertmanager/alertmanager.yml`], {
      encoding: 'utf8',
    })
    expect(checked).toContain('SUCCESS')
  })

  it('see each alert fire when it should, and only then', () => {
    expect(promtool(['test', 'rules', `${root}test/deploy/alerts.yml`])).toContain('SUCCESS')
  })

  it('have nothing to say against the metrics', async () => {
    const model = await startModelServer()
    const gate = await startGate({ upstream: model.url })
    await (
      await gate.post('/api/chat', { model: 'smollm2:135m', messages: [{ role: 'user', content: 'go' }] })
    ).text()
    const metrics = await (await fetch(`${gate.admin}/metrics`)).text()
    expect(promtool(['check', 'metrics'], metrics)).toBe('')
    await gate.close()
    await model.close()
  })
})

const folder = mkdtempSync(join(tmpdir(), 'torwart-prometheus-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Starts a program that runs until the test is over. @param ready what it says when it serves */
async function start(program: string, words: readonly string[], ready: RegExp) {
  const child = spawn(program, words, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (bytes: Buffer) => (said += bytes.toString()))
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  await until(() => ready.test(said))
  return {
    [Symbol.asyncDispose]: () => {
      child.kill('SIGTERM')
      return ended
    },
  }
}

/** Takes what Alertmanager sends. */
async function startWebhook() {
  const told: string[] = []
  const server = createServer(async (request, response) => {
    for await (const bytes of request) told.push(String(bytes))
    response.end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return { told, url: `http://127.0.0.1:${port}/`, [Symbol.asyncDispose]: async () => void server.close() }
}

it.skipIf(!hasAll)(
  'tells a webhook of a broken policy, from the gateway through Prometheus and Alertmanager',
  async () => {
    const model = await startModelServer()
    const gate = await startGate({ upstream: model.url })
    await using webhook = await startWebhook()
    const [prometheusPort, alertPort] = [await freePort(), await freePort()]
    const { route, receivers, ...others } = read('deploy/alertmanager/alertmanager.yml')
    const own = {
      ...others,
      route: { ...route, group_wait: '50ms', group_interval: '1s' },
      receivers: [{ ...receivers[0], webhook_configs: [{ url: webhook.url }] }],
    }
    writeFileSync(join(folder, 'alertmanager.yml'), stringify(own))
    const configuration = {
      global: { scrape_interval: '200ms', evaluation_interval: '200ms' },
      rule_files: [rulesFile],
      alerting: { alertmanagers: [{ static_configs: [{ targets: [`127.0.0.1:${alertPort}`] }] }] },
      scrape_configs: [{ job_name: 'torwart', static_configs: [{ targets: [new URL(gate.admin).host] }] }],
    }
    writeFileSync(join(folder, 'prometheus.yml'), stringify(configuration))
    await using _alerts = await start(
      alertmanager ?? '',
      [
        `--config.file=${folder}/alertmanager.yml`,
        `--storage.path=${folder}/alerts`,
        `--web.listen-address=127.0.0.1:${alertPort}`,
        '--cluster.listen-address=',
      ],
      /Listening on/i,
    )
    await using _prometheus = await start(
      'prometheus',
      [
        `--config.file=${folder}/prometheus.yml`,
        `--storage.tsdb.path=${folder}/series`,
        `--web.listen-address=127.0.0.1:${prometheusPort}`,
      ],
      /ready to receive web requests/i,
    )
    const scraped = async () => {
      const query = encodeURIComponent('count_over_time(torwart_policy_reloads_total{result="failed"}[1m])')
      const response = await fetch(`http://127.0.0.1:${prometheusPort}/api/v1/query?query=${query}`)
      return JSON.stringify(await response.json()).includes('"value"')
    }
    await until(scraped)
    writeFileSync(gate.policyFile, 'version: 1\nroles: nonsense\n')
    const told = await until(() => webhook.told.find((text) => text.includes('TorwartReloadFailed')))
    expect(JSON.parse(told)).toMatchObject({
      status: 'firing',
      receiver: 'team',
      alerts: [{ labels: { severity: 'ticket' } }],
    })
    await gate.close()
    await model.close()
  },
)

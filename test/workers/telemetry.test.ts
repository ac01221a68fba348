/** The built program with two workers: each exports what it has done, and persons and groups are counted as one. */
import { afterEach, expect, it } from 'vitest'
import { startCollector } from '../rig/collector.ts'
import { startModelServer } from '../rig/model-server.ts'
import { type RunningWorkers, startWorkers } from '../rig/workers.ts'

/** Starting three processes takes as long as it takes on a machine that other tests keep busy. */
const patientMs = 180_000

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
}, patientMs)

it('exports spans and metrics of each worker, all of them before it ends, and counts persons and groups as one', {
  timeout: patientMs,
}, async () => {
  const [collector, model] = [await startCollector(), await startModelServer()]
  open.push(collector, model)
  const usual = 'routes: [chat], models: ["smollm2:*"], caps: { outputTokens: 100 }'
  const perPerson = 'limits: { requestsPerMinute: unlimited, perPerson: { requestsPerMinute: 5 } }'
  const gate = await startWorkers(
    {
      upstream: model.url,
      role: `    { ${usual}, limits: { requestsPerMinute: unlimited } }
  shared: { ${usual}, person: { header: x-person }, ${perPerson} }
  member: { ${usual}, group: research, limits: { requestsPerMinute: unlimited } }`,
      more: `groups: { research: { tokensPerMonth: 150 } }\ntelemetry: { otlp: { url: "${collector.url}" } }\n`,
    },
    ['agent', 'shared', 'member'],
  )
  open.push(gate)
  let sent = 0
  const codeOf = async (...[as, id, headers]: Parameters<RunningWorkers['chat']>) => {
    sent++
    const { status, code } = await gate.chat(as, id, headers)
    return code ?? String(status)
  }

  for (const person of ['ada', 'bob']) {
    const asked = Array.from({ length: 10 }, () => codeOf('shared', '', { 'x-person': person }))
    const codes = await Promise.all(asked)
    expect(codes.toSorted()).toEqual([
      ...Array.from({ length: 5 }, () => '200'),
      ...Array.from({ length: 5 }, () => 'rate_limited'),
    ])
  }

  let spent = 0
  const member = async () => (await codeOf('member')) === '200'
  while (spent < 10 && (await member())) spent++
  expect(spent).toBeLessThan(10)
  // Whichever worker is asked.
  for (let more = 0; more < 4; more++) expect(await codeOf('member')).toBe('tokens_exhausted')

  for (let count = 0; count < 8; count++) expect(await codeOf()).toBe('200')
  await gate.close()
  open.pop()
  expect(collector.faults).toEqual([])
  const whole = collector.spans.filter(({ kind }) => kind === 2)
  expect(whole).toHaveLength(sent)
  const instances = new Set(whole.map(({ resource }) => resource['service.instance.id']))
  expect(instances.size).toBe(2)
  const durations = collector.points().filter(({ name }) => name === 'gen_ai.server.request.duration')
  expect(new Set(durations.map(({ instance }) => instance))).toEqual(instances)
  expect(durations.reduce((sum, { count }) => sum + count, 0)).toBe(whole.length)
})

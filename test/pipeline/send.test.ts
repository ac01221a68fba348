/** How long a model server counts as busy with a request: until it has said everything, not until a human has. */
import { expect, it } from 'vitest'
import type { CallVerdict } from '../../src/dialects/common/call-verdict.ts'
import { dialects } from '../../src/dialects/dialects.ts'
import { Cancellation } from '../../src/pipeline/cancellation.ts'
import type { Guarded, RequestContext } from '../../src/pipeline/context.ts'
import { deliver } from '../../src/pipeline/pipeline.ts'
import type { ResponseHandler, ResponseWriter } from '../../src/pipeline/ports.ts'
import { createSend, type SendParts } from '../../src/pipeline/response/send.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { stillClock } from '../rig/clock.ts'
import { readerFor, speakers } from '../rig/speakers.ts'
import { until } from '../rig/wait.ts'

it('a model server is busy until its answer is complete, however long a human thinks', async () => {
  const speaker = speakers.find(({ name }) => name === 'openai chat, whole')
  if (!speaker) throw new Error('no such speaker')
  const clock = stillClock(1_900_000_000_000)
  const metrics = createMetrics()
  let decide: (verdict: CallVerdict) => void = () => {}
  const decided = new Promise<CallVerdict>((resolve) => {
    decide = resolve
  })
  let receiver: ResponseHandler | undefined
  let released = 0
  const upstream = { name: 'local', kind: 'ollama' }
  const send = createSend({
    judgeCallsOf: () => () => ({ kind: 'wait', note: '', decided }),
    fleet: { slot: async () => ({ upstream, release: () => released++ }), tell: () => {} },
    upstreamClient: {
      send(_parcel: unknown, given: ResponseHandler) {
        receiver = given
        return { pause() {}, resume() {}, abort() {} }
      },
    },
    stored: { note: () => {}, find: () => undefined },
    models: { answered: () => {} },
    clock,
    metrics,
  } as unknown as SendParts)
  const sent: string[] = []
  const writer = { begin() {}, write: () => true, end: (data: string) => void sent.push(data) }
  const request = {
    id: 'r1',
    cancellation: new Cancellation(),
    hold: { answer() {} },
    dialect: dialects.at(-1),
    policy: { timeouts: {} },
    trace: {},
    arrivedAtMs: 0,
    identity: { id: 'agent1' },
    role: { limits: {} },
    endpoint: { group: 'embeddings', method: 'POST', path: speaker.path },
    outgoing: { reader: readerFor(speaker), body: {} },
    prompt: { stream: false },
    target: { upstreams: [upstream] },
    toolCalls: { findings: [], stopped: [] },
  }
  const steps = {
    send,
    recordPrompt: () => {
      throw new Error('not asked for here')
    },
    chargeToolCalls: () => Promise.resolve(undefined),
    settle: () => Promise.resolve(),
  }
  const over = deliver(
    request as unknown as Guarded,
    request as unknown as RequestContext,
    writer as unknown as ResponseWriter,
    steps,
  )
  await until(() => receiver)
  clock.advance(3000)
  receiver?.head(200, () => speaker.contentType)
  const said = { content: '', thinking: '', args: '{"to":"bob"}', second: '' }
  receiver?.data(Buffer.from(speaker.speak(said, (text) => [text])))
  receiver?.end()
  expect([released, sent]).toEqual([1, []])
  clock.advance(100_000)
  decide({ kind: 'pass' })
  await over
  expect(sent.join('')).toContain('bob')
  expect(await metrics.registry.metrics()).toMatch(/^torwart_upstream_duration_seconds_sum\{.*\} 3$/m)
})

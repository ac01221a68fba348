/** What a model's own file says, asked for once. */
import { describe, expect, it } from 'vitest'
import { Refusal } from '../../src/core/refusal.ts'
import type { Upstream } from '../../src/policy/policy.ts'
import type { ServerAnswer } from '../../src/upstreams/ask.ts'
import { OwnParameters, readParameters } from '../../src/upstreams/own-parameters.ts'
import { stillClock } from '../rig/clock.ts'

const upstream = { name: 'local' } as Upstream
const file = 'num_ctx                        8192\nnum_predict                    5\nstop   "num_predict 9"'

function asking(answer: () => Promise<ServerAnswer>) {
  const clock = stillClock()
  const asked: unknown[] = []
  const own = new OwnParameters(async (_upstream, path, _withinMs, question) => {
    asked.push([path, question])
    return answer()
  }, clock)
  return { clock, asked, of: async (model: string, digest: string | null) => own.of(upstream, model, digest) }
}
const telling = async () => ({ status: 200, body: { parameters: file } })

describe('the parameters of a model', () => {
  it.each<[unknown, object]>([
    [{ parameters: file }, { numPredict: 5, numCtx: 8192 }],
    [{ parameters: 'num_predict -1' }, { numPredict: undefined, numCtx: undefined }],
    [{ parameters: 'stop "\nnum_predict x"\nnum_predict 1e9' }, { numPredict: undefined }],
    [{ parameters: 7 }, { numPredict: undefined }],
    [undefined, { numPredict: undefined }],
  ])('are read from %j', (body, own) => {
    expect(readParameters(body as never)).toMatchObject(own)
  })

  it('are asked for once, until its digest changes', async () => {
    const { of, asked, clock } = asking(telling)
    const both = await Promise.all([of('m', 'a'), of('m', 'a')])
    expect(both).toEqual([
      { numPredict: 5, numCtx: 8192 },
      { numPredict: 5, numCtx: 8192 },
    ])
    expect(asked).toEqual([['/api/show', { model: 'm' }]])
    clock.advance(86_400_000)
    await of('m', 'a')
    expect(asked).toHaveLength(1)
    await of('m', 'b')
    expect(asked).toHaveLength(2)
  })

  it.each<[string, string | null, () => Promise<ServerAnswer>]>([
    ['whose digest nobody knows', null, telling],
    ['that a server does not tell', 'a', async () => ({ status: 404, body: {} })],
    [
      'of a server that is away',
      'a',
      async () => {
        throw new Refusal('upstream_unavailable')
      },
    ],
  ])('%s are asked for again, but not for every request', async (_what, digest, answer) => {
    const { of, asked, clock } = asking(answer)
    for (let time = 0; time < 3; time++) await of('m', digest)
    expect(asked).toHaveLength(1)
    clock.advance(10_000)
    await of('m', digest)
    expect(asked).toHaveLength(2)
  })
})

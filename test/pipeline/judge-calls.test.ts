/** What the gate says of the tool calls of an answer: nothing outside the policy passes, a yes passes one call once. */
import { afterEach, describe, expect, it } from 'vitest'
import type { ApprovalStore } from '../../src/approvals/store.ts'
import { systemClock } from '../../src/core/clock.ts'
import { type CallVerdict, undecidedCallNote } from '../../src/dialects/common/call-verdict.ts'
import type { Settlement, Store } from '../../src/limits/store.ts'
import type { RequestContext, Scanned } from '../../src/pipeline/context.ts'
import { createCharges } from '../../src/pipeline/finish/charge.ts'
import { createMatchToolResults } from '../../src/pipeline/request/match-tool-results.ts'
import { createJudgeCalls } from '../../src/pipeline/response/judge-tool-calls.ts'
import { createToolCallRegistry } from '../../src/tool-policy/calls/registry.ts'
import { type ApprovalWorld, approvalWorlds } from '../rig/approvals.ts'
import { type Desk, type JudgedCallSettings, judgedCall, openDesk, quiet } from '../rig/judged-call.ts'
import { until } from '../rig/wait.ts'
import { cases, tools } from '../tool-policy/cases.ts'

const open: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

const [, , makeMemory] = approvalWorlds[0] ?? []
async function world(make = makeMemory): Promise<ApprovalWorld> {
  if (!make) throw new Error('no world')
  const made = await make()
  open.push(made.close)
  return made
}
function deskAt(store: ApprovalStore): Desk {
  const desk = openDesk(store)
  open.push(() => desk.close())
  return desk
}
/** A gateway's judge. */
function judging(desk: Desk, lookAgain = () => {}, isInForce = () => true) {
  const calls = createToolCallRegistry(undefined, () => {})
  const judgeCalls = createJudgeCalls({ approvals: desk, calls, lookAgain, isInForce, ...quiet })
  const judge = async (
    settings: JudgedCallSettings,
    name: string,
    args: string,
    call = judgedCall(settings),
  ) => {
    const verdict = await judgeCalls(call)?.({ id: 'c', name, arguments: args })
    if (!verdict) throw new Error('nobody judges')
    return { verdict, call }
  }
  return { calls, judgeCalls, judge }
}
const sayOf = (verdict: CallVerdict) => (verdict.kind === 'refuse' ? verdict.refusal.say : '')
const codeOf = (verdict: CallVerdict) => (verdict.kind === 'refuse' ? verdict.refusal.code : verdict.kind)
const idIn = (text: string) => /ap_[0-9a-f]{20}/.exec(text)?.[0] ?? ''
const transfer = '{"amount":5,"to":"DE89","currency":"EUR"}'

describe('the 200 cases', () => {
  it.each([
    ['refuse', 'tool_not_allowed'],
    ['strip', 'strip'],
  ] as const)('pass only inside the policy; otherwise: %s', async (otherwise, outcome) => {
    const { judge, judgeCalls } = judging(deskAt((await world()).store))
    for (const [name, args, said] of cases) {
      const settings = { tools: { ...tools, otherwise }, owner: `owner of ${name}` }
      const { verdict, call } = await judge(settings, name, args)
      const expected = { allowed: 'pass', approve: 'approval_denied', name: outcome, arguments: outcome }[
        said
      ]
      expect([name, args.slice(0, 80), codeOf(verdict)]).toEqual([name, args.slice(0, 80), expected])
      expect(call.toolCalls.stopped).toHaveLength(said === 'allowed' ? 0 : 1)
      // What a model was talked into saying is repeated nowhere.
      if (said === 'name' && name.length > 12)
        expect(JSON.stringify(call.toolCalls.findings)).not.toContain(name)
    }
    // And all of them as calls of one answer.
    const call = judgedCall({ tools: { ...tools, otherwise, approve: [] } })
    const judgeOne = judgeCalls(call)
    const verdicts = await Promise.all(cases.map(([name, args]) => judgeOne?.({ name, arguments: args })))
    for (const [index, [name, , said]] of cases.entries())
      if (said !== 'approve' || name !== 'pay')
        expect(verdicts[index]?.kind === 'pass').toBe(said === 'allowed')
  })
})

it('a call of nothing is outside of every policy that asks what is called', async () => {
  const { judge } = judging(deskAt((await world()).store))
  const all = { allow: ['*'], approve: [], otherwise: 'refuse' as const, arguments: {} }
  expect(codeOf((await judge({ tools: all }, '', 'cut o')).verdict)).toBe('pass')
  const ruled = { ...all, arguments: { pay: { amount: { max: 1 } } } }
  expect(codeOf((await judge({ tools: ruled }, '', '{}')).verdict)).toBe('tool_not_allowed')
  const everything = { allow: ['*'], approve: ['pay'], otherwise: 'refuse' as const, arguments: {} }
  expect(codeOf((await judge({ tools: everything }, 'x', '{}')).verdict)).toBe('pass')
  expect(codeOf((await judge({ tools: everything }, '', '{"name":"pay"}')).verdict)).toBe('tool_not_allowed')
})

it('a refusal names the tool if the request offers it, and repeats no other word of a model', async () => {
  const { judge } = judging(deskAt((await world()).store))
  const offered = ['rm_all', 'read_file', 'not a "name"']
  const said = async (name: string, args = '{}') =>
    sayOf((await judge({ tools, offered }, name, args)).verdict)
  expect(await said('rm_all')).toBe('The response calls a tool (rm_all) that this key may not use.')
  expect(await said('read_file', '{"path":"/etc/passwd"}')).toBe(
    'The response calls a tool (read_file) with arguments that this key may not use.',
  )
  for (const name of ['rm_al', 'sk-secret', 'not a "name"'])
    expect(await said(name)).toBe('The response calls a tool that this key may not use.')
})

it('a role without tools is not judged', async () => {
  const { judgeCalls } = judging(deskAt((await world()).store))
  expect(judgeCalls(judgedCall({ tools: undefined }))).toBeUndefined()
})

describe('a call that needs a yes', () => {
  const settings = { tools }

  it('ends the answer with the name of its approval, and passes once after the yes', async () => {
    const desk = deskAt((await world()).store)
    const { judge } = judging(desk)
    const first = await judge(settings, 'transfer_eu', transfer)
    expect(codeOf(first.verdict)).toBe('approval_denied')
    const id = idIn(sayOf(first.verdict))
    expect((await desk.list()).map((each) => each.id)).toEqual([id])
    expect(idIn(sayOf((await judge(settings, 'transfer_eu', transfer)).verdict))).toBe(id)
    await desk.decide(id, { state: 'approved', by: 'alice', why: null })
    expect((await judge(settings, 'transfer_eu', transfer.replace('5', '6'))).verdict.kind).toBe('refuse')
    expect((await judge({ ...settings, owner: 'agent2' }, 'transfer_eu', transfer)).verdict.kind).toBe(
      'refuse',
    )
    expect((await judge({ ...settings, policy: 'b' }, 'transfer_eu', transfer)).verdict.kind).toBe('refuse')
    expect((await judge({ ...settings, model: 'm' }, 'transfer_eu', transfer)).verdict.kind).toBe('refuse')
    expect((await judge(settings, 'transfer_eu', transfer)).verdict.kind).toBe('pass')
    const again = await judge(settings, 'transfer_eu', transfer)
    expect(idIn(sayOf(again.verdict))).not.toBe(id)
    expect(desk.told.filter(([, approval]) => approval.id === id).map(([event]) => event)).toEqual([
      'requested',
      'approved',
      'used',
    ])
  })

  it('waits no longer once its policy is no more, and says so', async () => {
    const desk = deskAt((await world()).store)
    let inForce = true
    const { judge } = judging(
      desk,
      () => {},
      () => inForce,
    )
    const { verdict, call } = await judge({ tools, approval: { waitMs: 60_000 } }, 'transfer_eu', transfer)
    if (verdict.kind !== 'wait') throw new Error('it does not wait')
    const { decided } = verdict
    inForce = false
    expect(sayOf(await decided)).toContain('The policy changed')
    expect(call.toolCalls.stopped).toHaveLength(1)
  })

  it('says so where another call like it had the yes', async () => {
    const desk = deskAt((await world()).store)
    const { judge } = judging(desk)
    const waiting = await Promise.all(
      [1, 2].map(
        async () => (await judge({ tools, approval: { waitMs: 60_000 } }, 'transfer_eu', transfer)).verdict,
      ),
    )
    const [{ id } = { id: '' }] = await desk.list()
    const said = waiting.map((verdict) => (verdict.kind === 'wait' ? verdict.decided : verdict))
    await desk.decide(id, { state: 'approved', by: 'alice', why: null })
    const verdicts = await Promise.all(said)
    expect(verdicts.map(({ kind }) => kind).toSorted()).toEqual(['pass', 'refuse'])
    expect(verdicts.map(sayOf).join('')).toContain('another call like it has used it')
  })

  it('is told with the request that asked, and the one that used the yes; and each knows its approvals', async () => {
    const desk = deskAt((await world()).store)
    const { judge } = judging(desk)
    const first = await judge({ ...settings, request: 'first' }, 'transfer_eu', transfer)
    const id = idIn(sayOf(first.verdict))
    const second = await judge({ ...settings, request: 'second' }, 'transfer_eu', transfer)
    await desk.decide(id, { state: 'approved', by: 'alice', why: null })
    const third = await judge({ ...settings, request: 'third' }, 'transfer_eu', transfer)
    expect(desk.told.map(([event, { request }, usedBy]) => [event, request, usedBy])).toEqual([
      ['requested', 'first', undefined],
      ['approved', 'first', undefined],
      ['used', 'first', 'third'],
    ])
    const known = [first, second, third].map(({ call }) => [...call.toolCalls.approvals])
    expect(known).toEqual([[[id, 'asked']], [[id, 'asked']], [[id, 'used']]])
  })

  it('asks nobody where it stands in a text, and leaves a yes that there is for another place', async () => {
    const desk = deskAt((await world()).store)
    const { judge, judgeCalls } = judging(desk)
    const inText = () =>
      judgeCalls(judgedCall(settings))?.({ name: 'transfer_eu', arguments: transfer }, 'text')
    expect(inText()).toMatchObject({ kind: 'strip', note: undecidedCallNote })
    expect(await desk.list()).toEqual([])
    const id = idIn(sayOf((await judge(settings, 'transfer_eu', transfer)).verdict))
    await desk.decide(id, { state: 'approved', by: 'alice', why: null })
    expect(inText()).toMatchObject({ kind: 'strip' })
    expect((await judge(settings, 'transfer_eu', transfer)).verdict.kind).toBe('pass')
  })

  it('is refused at once after a no', async () => {
    const desk = deskAt((await world()).store)
    const { judge } = judging(desk)
    const id = idIn(sayOf((await judge(settings, 'transfer_eu', transfer)).verdict))
    await desk.decide(id, { state: 'denied', by: 'alice', why: 'no' })
    const { verdict } = await judge(settings, 'transfer_eu', transfer)
    expect([codeOf(verdict), sayOf(verdict)]).toEqual([
      'approval_denied',
      `An approver denied this tool call. Approval ${id}.`,
    ])
  })

  it('is told why a human said no, on one line, where the policy lets it be told', async () => {
    const desk = deskAt((await world()).store)
    const { judge } = judging(desk)
    const telling = { ...settings, approval: { tellWhy: true } }
    const id = idIn(sayOf((await judge(telling, 'transfer_eu', transfer)).verdict))
    await desk.decide(id, { state: 'denied', by: 'alice', why: 'ask\nmallory@example.org first.' })
    const { verdict } = await judge(telling, 'transfer_eu', transfer)
    expect(sayOf(verdict)).toBe(`An approver denied this tool call: ask <email:1> first. Approval ${id}.`)
  })

  it('is asked anew when the question is over, and that is told once', async () => {
    const { store, age } = await world()
    const desk = deskAt(store)
    const { judge } = judging(desk)
    const id = idIn(sayOf((await judge(settings, 'transfer_eu', transfer)).verdict))
    await desk.decide(id, { state: 'approved', by: 'alice', why: null })
    await age()
    const next = idIn(sayOf((await judge(settings, 'transfer_eu', transfer)).verdict))
    expect(next).not.toBe(id)
    expect(desk.told.map(([event, approval]) => [event, approval.id])).toEqual([
      ['requested', id],
      ['approved', id],
      ['expired', id],
      ['requested', next],
    ])
  })

  it('is kept masked where nothing is recorded, whatever approvers may see of others', async () => {
    const desk = deskAt((await world()).store)
    const { judge } = judging(desk)
    const plain = { tools, approval: { arguments: 'plain' } } as const
    await judge({ ...plain, content: 'none' }, 'delete_all', '{"of":"mallory@example.org"}')
    expect(await desk.list()).toMatchObject([{ plain: null, arguments: '{"of":"<email:1>"}' }])
    await judge({ ...plain, content: 'masked' }, 'delete_all', '{"of":"bob@example.org"}')
    expect(await desk.list()).toMatchObject([{}, { plain: '{"of":"bob@example.org"}' }])
  })

  it('is not one too many', async () => {
    const { judge } = judging(deskAt((await world()).store))
    const verdicts: CallVerdict[] = []
    for (let index = 0; index < 17; index++)
      verdicts.push((await judge(settings, 'delete_all', `{"id":${index}}`)).verdict)
    expect(verdicts.filter((verdict) => idIn(sayOf(verdict)) !== '')).toHaveLength(16)
    expect(sayOf(verdicts.at(-1) ?? { kind: 'pass' })).toMatch(/^Too many/)
  })

  it('is not one too many by a key that makes itself a token for each', async () => {
    const { judge } = judging(deskAt((await world()).store))
    const verdicts: CallVerdict[] = []
    for (let index = 0; index < 17; index++) {
      const token = { ...settings, owner: `token${index}`, key: 'agent1' }
      verdicts.push((await judge(token, 'delete_all', '{}')).verdict)
    }
    expect(verdicts.filter((verdict) => idIn(sayOf(verdict)) !== '')).toHaveLength(16)
    expect(sayOf(verdicts.at(-1) ?? { kind: 'pass' })).toMatch(/^Too many/)
  })

  it('does not pass while the store cannot be asked', async () => {
    const broken: ApprovalStore = {
      take: () => Promise.reject(new Error('away')),
      decide: () => Promise.reject(new Error('away')),
      list: () => Promise.reject(new Error('away')),
      sweep: () => Promise.reject(new Error('away')),
      onNews: () => {},
      close: () => {},
    }
    const { judge } = judging(deskAt(broken))
    const { verdict, call } = await judge(settings, 'transfer_eu', transfer)
    expect(codeOf(verdict)).toBe('store_unavailable')
    expect(call.toolCalls.stopped).toHaveLength(1)
    expect((await judge(settings, 'search_web', '{}')).verdict.kind).toBe('pass')
  })
})

describe.each(approvalWorlds.filter(([, there]) => there))(
  'a call that waits, approvals in %s',
  (_name, _there, make) => {
    const patient = { tools, approval: { waitMs: 60_000 } }
    const start = async (settings: JudgedCallSettings) => {
      const { store, second } = await world(make)
      const here = deskAt(store)
      const there = second === store ? here : deskAt(second)
      const { judge, calls } = judging(here)
      const { verdict, call } = await judge(settings, 'transfer_eu', transfer)
      if (verdict.kind !== 'wait') throw new Error(verdict.kind)
      return { here, there, judge, calls, call, verdict, id: idIn(verdict.note) }
    }

    it('passes when a human says yes on the other gateway, and its result is known then', async () => {
      const { there, verdict, calls, id } = await start(patient)
      expect(await calls.unknown('agent1', [{ call: 'c' }])).toBe(1)
      await there.decide(id, { state: 'approved', by: 'alice', why: null })
      expect((await verdict.decided).kind).toBe('pass')
      expect(await calls.unknown('agent1', [{ call: 'c' }])).toBe(0)
      expect(await there.list()).toEqual([])
    })

    it('is refused when a human says no', async () => {
      const { there, verdict, call, id } = await start(patient)
      await there.decide(id, { state: 'denied', by: 'alice', why: 'no' })
      expect(codeOf(await verdict.decided)).toBe('approval_denied')
      expect(call.toolCalls.findings).toMatchObject([{ id: 'tool.denied', action: 'block' }])
    })

    it('ends when nobody answers in time, and the yes that comes later is good for the next one', async () => {
      const { there, judge, verdict, id } = await start({ tools, approval: { waitMs: 30 } })
      const ended = await verdict.decided
      expect([codeOf(ended), idIn(sayOf(ended))]).toEqual(['approval_denied', id])
      await there.decide(id, { state: 'approved', by: 'alice', why: null })
      expect((await judge(patient, 'transfer_eu', transfer)).verdict.kind).toBe('pass')
    })

    it('leaves the yes for the next one when nobody waits for what was decided', async () => {
      const { there, judge, verdict, id } = await start(patient)
      // As of an answer that cannot be held: it says the note, and ends.
      expect(verdict.note).toContain(id)
      await there.decide(id, { state: 'approved', by: 'alice', why: null })
      expect((await judge(patient, 'transfer_eu', transfer)).verdict.kind).toBe('pass')
    })

    it('leaves the yes for the next one when its client is gone', async () => {
      const cancellation = { over: false }
      const { there, judge, verdict, id } = await start({ ...patient, cancellation })
      cancellation.over = true
      await there.decide(id, { state: 'approved', by: 'alice', why: null })
      expect((await verdict.decided).kind).toBe('refuse')
      expect((await judge(patient, 'transfer_eu', transfer)).verdict.kind).toBe('pass')
    })

    it('leaves the yes unused when its caller was stopped a moment before, be it waiting or coming again', async () => {
      const { store } = await world(make)
      const desk = deskAt(store)
      const cancellation = { over: false }
      let stopped = false
      const { judge } = judging(desk, () => {
        cancellation.over ||= stopped
      })
      const { verdict } = await judge({ ...patient, cancellation }, 'transfer_eu', transfer)
      if (verdict.kind !== 'wait') throw new Error(verdict.kind)
      const { decided } = verdict
      stopped = true
      await desk.decide(idIn(verdict.note), { state: 'approved', by: 'alice', why: null })
      expect((await decided).kind).toBe('refuse')
      cancellation.over = false
      expect((await judge({ ...patient, cancellation }, 'transfer_eu', transfer)).verdict.kind).toBe('refuse')
      expect(await desk.list()).toMatchObject([{ state: 'approved' }])
      cancellation.over = false
      stopped = false
      expect((await judge({ ...patient, cancellation }, 'transfer_eu', transfer)).verdict.kind).toBe('pass')
    })

    it('ends by itself when its client is gone, or the gateway stops', async () => {
      const cancellation = { over: false }
      const left = await start({ ...patient, cancellation })
      const { decided } = left.verdict
      cancellation.over = true
      expect((await decided).kind).toBe('refuse')
      const stopping = await start(patient)
      const cut = stopping.verdict.decided
      stopping.here.close()
      expect((await cut).kind).toBe('refuse')
    })

    it('shares one yes with nobody: of ten that wait for it, one passes', async () => {
      const { here, there, verdict, id } = await start(patient)
      const twins = await Promise.all(
        Array.from({ length: 9 }, async (_, index) => {
          const { judge } = judging(index % 2 ? here : there)
          return (await judge(patient, 'transfer_eu', transfer)).verdict
        }),
      )
      const waiting = [verdict, ...twins].map((each) => (each.kind === 'wait' ? each.decided : each))
      await there.decide(id, { state: 'approved', by: 'alice', why: null })
      const ends = await Promise.all(waiting)
      expect(ends.map(({ kind }) => kind).toSorted()).toEqual(['pass', ...Array(9).fill('refuse')])
    })
  },
)

it('the result of a call is known to every token of its key, and to nobody else', async () => {
  const { calls, judge } = judging(deskAt((await world()).store))
  await judge({ tools, owner: 'token1', key: 'agent1' }, 'search_web', '{}')
  const matchToolResults = createMatchToolResults(calls, quiet.metrics)
  const guardsOf = async (settings: JudgedCallSettings) => {
    const call = { ...judgedCall({ tools, ...settings }), prompt: { results: [{ call: 'c' }] } }
    return (await matchToolResults(call as unknown as Scanned)).resultGuards
  }
  expect(await guardsOf({ owner: 'token2', key: 'agent1' })).toEqual([['tools', 'allow']])
  expect(await guardsOf({ owner: 'token1', key: 'agent2' })).toEqual([['tools', 'flag']])
})

it('what was stopped is no action for the breakers', async () => {
  const { judge } = judging(deskAt((await world()).store))
  const call = judgedCall({ tools: { ...tools, otherwise: 'strip' } })
  const made = [
    { name: 'search_web', arguments: '{}' },
    { name: 'rm_all', arguments: '{}' },
    { name: 'read_file', arguments: '{"path":"/etc/passwd"}' },
  ]
  for (const { name, arguments: args } of made) await judge({}, name, args, call)
  const settled: Settlement[] = []
  const store = { settle: async (settlement: Settlement) => void settled.push(settlement) }
  const { charge } = createCharges({
    store: store as unknown as Store,
    turns: { freed() {} },
    log: quiet.log,
    clock: systemClock,
    onOpened: () => {},
  })
  const limits = { actionsPerMinute: 10, repetition: { same: 5, windowMs: 1000 } }
  const context = { ...call, role: { ...call.role, limits } }
  const answer = {
    status: 200,
    text: '',
    toolCalls: made,
    truncated: false,
    usage: undefined,
    firstByteMs: 1,
  }
  charge(context as unknown as RequestContext, { kind: 'answered', answer })
  await until(() => settled.length === 1)
  expect(settled[0]).toMatchObject({ actions: 1, repetition: { things: [expect.any(String)] } })
})

/** Plays one attack as one role, and judges by what arrived at the model server and at the caller whether it got through. */
import { setTimeout as delay } from 'node:timers/promises'
import { isObject, type JsonValue, tryJson } from '../core/json.ts'
import { type Received, type Sending, sendRaw } from './client.ts'
import { isFine, judge, type Outcome, refusalOf } from './judge.ts'
import type { ScriptedAnswer } from './observed-server.ts'
import type { Stage } from './stage.ts'
import type { Answer, Attack, RequestPlan, Step, Success } from './suite/attack.ts'
import { filled, inText, MissingValue, numberOf, type Scope } from './suite/template.ts'

/** Whom an attack is played as. */
export interface Player {
  readonly scope: Scope
  /** A header that names the person behind the key, if the role asks for one. */
  readonly personHeader: string | undefined
}

const patienceMs = 4000
const patienceStepMs = 50
/** For requests that wait at the server until no more come. */
const gatherMs = 400

/** Plays an attack. Does not throw for what the gateway does. */
export async function play(stage: Stage, attack: Attack, player: Player): Promise<Outcome> {
  const scope = new Map(player.scope)
  if (attack.text !== undefined) scope.set('text', inText(attack.text, scope))
  const received: Received[] = []
  try {
    for (const step of attack.steps) {
      const answered = await playStep(stage, step, { ...player, scope }, attack.success)
      received.splice(0, received.length, ...answered)
      const fault = step.needed ? faultOf(received.at(-1)) : undefined
      if (fault !== undefined) return fault
      keepValues(step, received.at(-1), scope)
    }
    return judge(stage, attack, received, scope)
  } catch (error) {
    if (!(error instanceof MissingValue)) throw error
    return withoutValue(attack, error.placeholder, received.at(-1))
  } finally {
    stage.servers?.release()
  }
}

function faultOf(received: Received | undefined): Outcome | undefined {
  if (received && isFine(received)) return undefined
  const why = refusalOf(received) ?? `status ${received?.status}`
  return { verdict: 'unclear', why: `a step that it needs was refused: ${why}` }
}

/** A value that should have come with the response to a step: if that one was hostile, its refusal has stopped the attack. */
function withoutValue({ steps }: Attack, placeholder: string, received: Received | undefined): Outcome {
  const code = refusalOf(received)
  const [first] = steps
  const isFirst = Object.hasOwn(first.keep, placeholder)
  if (code !== undefined && !isFirst) return { verdict: 'stopped', by: code }
  return { verdict: 'unclear', why: `there is no {${placeholder}}: ${code ?? `status ${received?.status}`}` }
}

async function playStep(
  stage: Stage,
  step: Step,
  player: Player,
  success: Success,
): Promise<readonly Received[]> {
  const { scope } = player
  stage.servers?.begin(answerIn(step.answer, numbered(player, 0).scope))
  if (step.replacesModel) stage.servers?.replaceModels()
  const times = numberOf(step.times, scope)
  if (step.together) return sendTogether(stage, step, player, times)
  const received: Received[] = []
  for (let count = 0; count < times; count++) {
    const turn = numbered(player, count)
    stage.servers?.answer(answerIn(step.answer, turn.scope))
    const one = await send(stage, step.request, turn)
    received.push(one)
    // A limit that is reached stays so; what was measured is that it was reached.
    if (success.kind === 'all' && times > 1 && !isFine(one)) break
  }
  for (const end = Date.now() + patienceMs; step.patient && Date.now() < end && received.some(isFine); ) {
    await delay(patienceStepMs)
    stage.servers?.begin(answerIn(step.answer, numbered(player, 0).scope))
    received.splice(0, received.length, await send(stage, step.request, numbered(player, 0)))
  }
  return received
}

function numbered({ scope, personHeader }: Player, count: number): Player {
  return { scope: new Map(scope).set('count', count + 1), personHeader }
}

async function sendTogether(stage: Stage, { request, answer }: Step, player: Player, times: number) {
  const all = Promise.all(
    Array.from({ length: times }, (_, count) => send(stage, request, numbered(player, count))),
  )
  if (answer.holds) {
    await Promise.race([all, delay(gatherMs)])
    stage.servers?.release()
    // Those that waited for a slot follow.
    while ((await Promise.race([all.then(() => 'over'), delay(patienceStepMs, 'waiting')])) === 'waiting')
      stage.servers?.release()
  }
  return all
}

function answerIn({ text, calls, usage, holds }: Answer, scope: Scope): ScriptedAnswer {
  const known = new Map(scope).set('received', '{received}')
  return {
    text: inText(text, known),
    calls: calls.map((call) => {
      const value = filled(call.arguments, known)
      const made = typeof value === 'string' ? tryJson(value) : value
      return { name: inText(call.name, known), arguments: isObject(made) ? made : {} }
    }),
    ...(usage && { usage: { input: numberOf(usage.input, scope), output: numberOf(usage.output, scope) } }),
    holds,
  }
}

/** Sends one request of a plan. @throws MissingValue */
export async function send(
  stage: Stage,
  plan: RequestPlan,
  { scope, personHeader }: Player,
): Promise<Received> {
  const base = plan.to === 'admin' ? stage.admin?.url : stage.gate
  if (base === undefined) throw new MissingValue('admin')
  if (plan.raw !== undefined) return sendRaw(base, rawBytes(plan.raw, scope))
  const body = bodyOf(plan, scope)
  const headers = plan.headers.flatMap((line) => {
    const at = line.indexOf(': ')
    return [line.slice(0, at), inText(line.slice(at + 2), scope)]
  })
  if (body !== undefined && !plan.headers.some((line) => /^content-type:/i.test(line)))
    headers.push('Content-Type', 'application/json')
  if (personHeader !== undefined) headers.push(personHeader, 'attacker')
  const credential = credentialOf(stage, plan.as, scope)
  if (credential !== undefined) headers.push('Authorization', `Bearer ${credential}`)
  const sending: Sending = {
    method: plan.method ?? (body === undefined ? 'GET' : 'POST'),
    path: inText(plan.path, scope),
    headers,
    body,
  }
  return stage.client.send(base, sending)
}

function rawBytes(raw: string, scope: Scope): string {
  const text = inText(raw, new Map(scope).set('length', '{length}'))
  const [, body = ''] = /\r?\n\r\n([\s\S]*)$/.exec(text) ?? []
  return text.replaceAll('{length}', String(body.length))
}

function bodyOf({ body, content }: RequestPlan, scope: Scope): string | undefined {
  if (content !== undefined) return inText(content, scope)
  return body === undefined ? undefined : JSON.stringify(filled(body, scope))
}

function credentialOf({ admin }: Stage, as: string, scope: Scope): string | undefined {
  if (as === 'none') return undefined
  if (as === 'admin') return admin?.token
  if (as === 'approver') return inText('{approverKey}', scope) || admin?.token
  return inText(as === 'key' ? '{key}' : as, scope)
}

/** Takes values out of a response, for later steps. What is not there gets no value. */
function keepValues(
  { keep }: Step,
  received: Received | undefined,
  scope: Map<string, string | number>,
): void {
  if (!received) return
  for (const [name, where] of Object.entries(keep)) {
    const value = /^[\w.]+$/.test(where)
      ? memberOf(tryJson(received.text), where)
      : new RegExp(where).exec(received.text)?.[1]
    if (typeof value === 'string' || typeof value === 'number') scope.set(name, value)
  }
}

function memberOf(value: JsonValue | undefined, path: string): JsonValue | undefined {
  return path.split('.').reduce<JsonValue | undefined>((at, name) => {
    if (Array.isArray(at)) return at[Number(name)]
    return isObject(at) ? at[name] : undefined
  }, value)
}

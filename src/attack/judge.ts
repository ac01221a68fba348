/** Whether an attack got through, by what arrived at the model server and at the caller. */
import { tryJson } from '../core/json.ts'
import type { Received } from './client.ts'
import { type ObservedServers, stringsIn } from './observed-server.ts'
import type { Stage } from './stage.ts'
import { type Attack, lastStep } from './suite/attack.ts'
import { inText, numberOf, type Scope } from './suite/template.ts'

/** What became of an attack. */
export type Outcome =
  | { readonly verdict: 'through' }
  /** @param by a code of a refusal, or what else stopped it */
  | { readonly verdict: 'stopped'; readonly by: string }
  /** Nothing was proven. */
  | { readonly verdict: 'unclear' | 'skipped'; readonly why: string }

/** Refusals that say nothing about the attack, unless it is about them. */
const hollow: ReadonlySet<string> = new Set([
  ...[
    'internal',
    'overloaded',
    'queue_full',
    'store_unavailable',
    'audit_unavailable',
    'upstream_unavailable',
  ],
  ...[
    'upstream_timeout',
    'rate_limited',
    'tokens_exhausted',
    'too_many_concurrent',
    'breaker_open',
    'repetition',
  ],
])
/** Refusals of what a model has answered. */
const ofResponses: ReadonlySet<string> = new Set([
  ...['output_blocked', 'tool_not_allowed', 'approval_denied', 'upstream_failed', 'model_quarantined'],
])

/** Tells whether a request was served. */
export function isFine({ status }: Received): boolean {
  return status >= 200 && status < 300
}

/** Judges an attack by the responses to its last step. */
export function judge(stage: Stage, attack: Attack, received: readonly Received[], scope: Scope): Outcome {
  const last = received.at(-1)
  if (hasSucceeded(stage, attack, received, scope)) return { verdict: 'through' }
  const code = refusalOf(last)
  if (code !== undefined && hollow.has(code) && !attack.codes.has(code))
    return { verdict: 'unclear', why: `refused with ${code}, which says nothing about the attack` }
  const isUnanswered =
    attack.success.kind === 'returns' && lastStep(attack).answer.isGiven && stage.servers?.seen.length === 0
  if (isUnanswered && !ofResponses.has(code ?? '') && !attack.codes.has(code ?? ''))
    return {
      verdict: 'unclear',
      why: `refused with ${code ?? `status ${last?.status}`} before the model answered`,
    }
  return { verdict: 'stopped', by: code ?? stage.lastAction() ?? wordsFor(last) }
}

function wordsFor(received: Received | undefined): string {
  if (!received || received.status === 0) return 'connection closed'
  return isFine(received) ? 'request or response rebuilt' : `status ${received.status}`
}

/** Returns the code of a refusal. */
export function refusalOf(received: Received | undefined): string | undefined {
  const code = received?.headers['x-torwart-code']
  if (typeof code === 'string') return code
  // A stream tells in its last frame why it ends.
  return received && /"code":"([a-z_]{3,40})"/.exec(received.text)?.[1]
}

function hasSucceeded(
  stage: Stage,
  { success, steps }: Attack,
  received: readonly Received[],
  scope: Scope,
): boolean {
  const last = received.at(-1)
  switch (success.kind) {
    case 'arrives':
      return stage.servers ? arrived(stage.servers, success.texts, scope) : wasServed(last)
    case 'returns': {
      const text = received.map(readable).join('\n')
      return success.texts.some((each) => text.includes(inText(each, scope)))
    }
    case 'status':
      return last?.status === success.status
    case 'all':
      return received.length === numberOf(steps.at(-1)?.times ?? 1, scope) && received.every(isFine)
    case 'moreThan':
      return (stage.servers?.peak ?? 0) > numberOf(success.count, scope)
  }
}

function arrived({ seen }: ObservedServers, texts: readonly string[], scope: Scope): boolean {
  return seen.some(({ method, url, headers, text }) => {
    const whole = `${method} ${url}\n${JSON.stringify(headers)}\n${text}`
    return texts.every((each) => whole.includes(inText(each, scope)))
  })
}

/** Of a real model server nothing is seen but what comes back. */
function wasServed(received: Received | undefined): boolean {
  const code = refusalOf(received)
  return code === undefined ? received !== undefined && isFine(received) : /^upstream_/.test(code)
}

/** A response as its reader puts it together: the frames of a stream behind each other, escapes undone. */
function readable({ text }: Received): string {
  const frames = text.split('\n').map((line) => tryJson(line.replace(/^data: /, '')))
  return [...frames.flatMap((frame) => stringsIn(frame)), '\n', text].join('')
}

/**
 * The tool calls of an answer and who judges them, one after the other. A call for which a human is asked holds the stream,
 * which is kept alive in the dialect's way; where there is none, the answer says at once what it waits for, and ends.
 */
import { asRefusal, type Refusal } from '../../core/refusal.ts'
import type { JudgeCall } from '../../dialects/common/call-verdict.ts'
import type { SettledVerdict } from '../../dialects/common/output-filter.ts'
import type { ToolCall } from '../../dialects/dialect.ts'

/** How tool calls are judged. */
export interface JudgingOptions {
  readonly judge: JudgeCall
  /** Tells the client that it waits, once for a call: undefined if nothing has to, false if nothing can. */
  readonly keepAlive: (() => void) | undefined | false
  /** Told when a human has decided, or nobody waits any more. */
  readonly waiting?: (decided: Promise<unknown>) => void
}

/** @throws Refusal if the answer ends with one of these calls */
export async function judgeCalls(
  calls: readonly ToolCall[],
  asking: JudgingOptions,
): Promise<SettledVerdict[]> {
  const verdicts: SettledVerdict[] = []
  for (const call of calls) verdicts.push(await askCall(call, asking))
  return verdicts
}

async function askCall(
  call: ToolCall,
  { judge, keepAlive, waiting }: JudgingOptions,
): Promise<SettledVerdict> {
  let verdict = await judgeSafely(judge, call)
  if (verdict.kind === 'wait') {
    if (keepAlive === false) {
      verdict.abandon?.()
      return { kind: 'strip', note: verdict.note }
    }
    keepAlive?.()
    const { decided } = verdict
    waiting?.(decided)
    verdict = await decided
  }
  if (verdict.kind === 'pass' || verdict.kind === 'strip') return verdict
  throw verdict.kind === 'refuse' ? verdict.refusal : undecided()
}

/** A judge that fails has not said yes. */
async function judgeSafely(judge: JudgeCall, call: ToolCall) {
  try {
    return await judge(call)
  } catch (cause) {
    throw asRefusal(cause)
  }
}

function undecided(): Refusal {
  return asRefusal(new TypeError('a call that was decided still waits'))
}

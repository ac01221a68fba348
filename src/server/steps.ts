/** Makes the steps of the pipeline from what the gateway has. */
import { createPseudonyms } from '../audit/erase/pseudonyms.ts'
import type { Clock } from '../core/clock.ts'
import { randomHex } from '../core/random.ts'
import { Persons } from '../limits/persons.ts'
import { createSlotQueue } from '../limits/slot-queue.ts'
import type { Authenticated } from '../pipeline/context.ts'
import { createRecordPrompt } from '../pipeline/finish/audit-record.ts'
import { createCharges } from '../pipeline/finish/charge.ts'
import { createFingerprintPrompt } from '../pipeline/finish/fingerprint.ts'
import { createSettle } from '../pipeline/finish/settle.ts'
import { createLetThrough } from '../pipeline/pass-through.ts'
import { createAdmit } from '../pipeline/request/admit.ts'
import { authoriseRoute, createAuthoriseModel } from '../pipeline/request/authorise.ts'
import { createCompareTools } from '../pipeline/request/compare-tools.ts'
import { createLocate } from '../pipeline/request/exceptions.ts'
import { createSecondOpinion } from '../pipeline/request/guard-model.ts'
import { createGuardTurns } from '../pipeline/request/guard-turns.ts'
import { createMatchToolResults } from '../pipeline/request/match-tool-results.ts'
import { createParse } from '../pipeline/request/parse.ts'
import { createPrepare } from '../pipeline/request/prepare.ts'
import { createReserve } from '../pipeline/request/reserve.ts'
import { createScanPrompt, type ScanPrompt } from '../pipeline/request/scan-prompt.ts'
import { createSharedBodies } from '../pipeline/request/shared-items.ts'
import { createJudgeCalls } from '../pipeline/response/judge-tool-calls.ts'
import { createResponseGuards } from '../pipeline/response/output-guard.ts'
import { createSend } from '../pipeline/response/send.ts'
import type { Steps } from '../pipeline/steps.ts'
import type { StoredResponses } from '../pipeline/stored-responses.ts'
import type { Foundation } from './foundation.ts'
import type { Services } from './services.ts'

/** Bytes of a marker in a system prompt. */
const canaryBytes = 8

/**
 * Makes the steps.
 * @param stored which responses model servers have stored, shared with the route that reads them
 */
export function createSteps(foundation: Foundation, services: Services, stored: StoredResponses): Steps {
  const { policy, atStart, clock, metrics, log, audit } = foundation
  const { store, fleet, models, freezes, upstreamClient, scanningFor, approvals, calls } = services
  const onOpened = tellOfBreakers(foundation)
  const slots = createSlotQueue(store)
  const admit = createAdmit(store, onOpened)
  const persons = new Persons()
  const turns = createGuardTurns(clock)
  const { charge, chargeToolCalls } = createCharges({ store, turns: slots, log, clock, onOpened })
  const recordPrompt = createRecordPrompt(createPseudonyms(atStart.audit.file), foundation.recordedBefore)
  const secondOpinion = createSecondOpinion({
    ...{ metrics, clock },
    ask: upstreamClient.ask,
    isForeign: (upstream, model) =>
      fleet.isRemote(upstream, model) || !models.admits(upstream, model, policy()),
  })
  const locate = createLocate(atStart.keysFile, clock, log)
  const isInForce = (version: string) => policy().version === version
  const judgeCallsOf = createJudgeCalls({
    approvals,
    calls,
    lookAgain: services.lookAgain,
    isInForce,
    metrics,
    log,
  })
  const sendParts = { judgeCallsOf, fleet, models, stored, clock, metrics }
  const sendThrough: Steps['sendThrough'] = (client) => createSend({ ...sendParts, upstreamClient: client })
  return {
    recordable: audit.writable,
    authenticate: services.callers.authenticate,
    authoriseRoute: (request, to) => authoriseRoute(request, to, freezes),
    admit,
    parse: createParse(createSharedBodies(foundation.memory)),
    authoriseModel: createAuthoriseModel({ fleet, models, stored, freezes }),
    prepare: createPrepare(fleet, () => randomHex(canaryBytes)),
    reserve: createReserve({
      ...{ turns: slots, clock, admit },
      fingerprint: createFingerprintPrompt(),
      persons,
    }),
    letThrough: createLetThrough({ freezes, admit, turns: slots, persons, clock }),
    scan: onTimeline(createScanPrompt({ scanningFor, secondOpinion, turns, metrics, locate }), clock),
    compareTools: createCompareTools(services.toolPins, metrics),
    matchToolResults: createMatchToolResults(calls, metrics),
    makeResponseGuard: createResponseGuards({
      ...{ turns, metrics },
      scannerFor: (guard) => scanningFor(guard).scanner,
    }),
    send: sendThrough(upstreamClient),
    sendThrough,
    recordPrompt,
    chargeToolCalls,
    settle: createSettle({ ...foundation, recordPrompt, charge }),
    log,
  }
}

/** Notes when the guards read the prompt, where the trace of a request is exported. */
function onTimeline(scan: ScanPrompt, clock: Clock): ScanPrompt {
  return (request) => {
    const part = request.timeline?.begin('guards', clock.monotonicMs())
    const scanned = scan(request)
    if (!part) return scanned
    return scanned.finally(() => {
      part.toMs = clock.monotonicMs()
    })
  }
}

/** @returns what is told of a breaker that a caller's requests have opened */
function tellOfBreakers({ metrics, log, recordEvent }: Foundation) {
  return ({ identity, id }: Pick<Authenticated, 'identity' | 'id'>) => {
    metrics.breakerOpenings.inc()
    log.warn({ id, caller: identity.id }, 'a circuit breaker was opened')
    recordEvent('breaker opened', { identity })
  }
}

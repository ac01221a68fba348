/** Puts a suite to a model, answer by answer, and goes on with what an earlier run has. */
import { createHash } from 'node:crypto'
import { type AskModel, askModel, embed, type MeasuredAnswer, ModelFault } from './model-client.ts'
import { holds, isRefusal } from './observe.ts'
import type { Capabilities } from './plan.ts'
import type { RunState } from './run-state.ts'
import { placeOf, type Sample } from './sample.ts'
import { isUsable, type Probe, type Suite, type Variant } from './suite.ts'

/** What a run needs. */
export interface RunSetup {
  readonly suite: Suite
  readonly model: string
  readonly ask: AskModel
  readonly capabilities: Capabilities
  readonly state: RunState
  /** Masks personal data and secrets; nothing else of an answer reaches the disk. */
  mask(text: string): string
  /** Called with the number of answers there are. */
  tell(count: number): void
  /** Waits before a question is put again; tests do not wait. */
  wait(ms: number): Promise<void>
}

/** How a run ended. */
export type RunEnd =
  | { readonly finished: true; readonly samples: readonly Sample[] }
  | { readonly finished: false; readonly samples: readonly Sample[]; readonly why: string }

/** Times that a question is put before the run ends. */
const attempts = 3
const pauseMs = 400

/** Finds out what the server can tell. @throws ModelFault if it does not answer at all */
export async function learnCapabilities({
  suite,
  model,
  ask,
}: Pick<RunSetup, 'suite' | 'model' | 'ask'>): Promise<Capabilities> {
  const question = {
    model,
    system: undefined,
    prompt: 'Say hello.',
    tools: [],
    temperature: 0,
    seed: suite.seed,
    maxTokens: 4,
  }
  const { timeoutMs, embeddings } = suite
  const offered = suite.probes.find(({ tools }) => tools.length > 0)?.tools ?? []
  const { logprobs } = await askModel(ask, { ...question, wantsLogprobs: true }, timeoutMs).catch(
    // Servers that do not know the parameter may refuse it.
    (error: unknown) => (isNo(error) ? { logprobs: undefined } : Promise.reject(error)),
  )
  await askModel(ask, { ...question, wantsLogprobs: false }, timeoutMs)
  const can = (question: Promise<unknown>) =>
    question.then(
      () => true,
      (error: unknown) => (isNo(error) ? false : Promise.reject(error)),
    )
  return {
    logprobs: logprobs !== undefined,
    tools:
      offered.length > 0 &&
      (await can(askModel(ask, { ...question, tools: offered, wantsLogprobs: false }, timeoutMs))),
    embeddings: embeddings !== undefined && (await can(embed(ask, embeddings, 'hello', timeoutMs))),
  }
}

function isNo(error: unknown): boolean {
  return error instanceof ModelFault && error.isFinal
}

/** Runs a suite. Never rejects for what the model server does. @throws what `fs` throws */
export async function runSuite(setup: RunSetup): Promise<RunEnd> {
  const { suite, state, capabilities } = setup
  const samples: Sample[] = []
  for (const probe of suite.probes.filter((each) => isUsable(each, capabilities)))
    for (const variant of probe.variants)
      for (let index = 0; index < probe.samples; index++) {
        const place = { probe: probe.id, variant: variant.id, index }
        let sample = state.samples.get(placeOf(place))
        if (sample === undefined) {
          try {
            sample = await measured(setup, probe, variant, index)
          } catch (error) {
            if (error instanceof ModelFault) return { finished: false, samples, why: error.message }
            throw error
          }
          state.add(sample)
        }
        samples.push(sample)
        setup.tell(samples.length)
      }
  return { finished: true, samples }
}

async function measured(setup: RunSetup, probe: Probe, variant: Variant, index: number): Promise<Sample> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await measureOnce(setup, probe, variant, index)
    } catch (error) {
      if (!(error instanceof ModelFault) || error.isFinal || attempt === attempts) throw error
      await setup.wait(pauseMs * attempt)
    }
  }
}

async function measureOnce(setup: RunSetup, probe: Probe, variant: Variant, index: number): Promise<Sample> {
  const { suite, model, ask, capabilities, mask } = setup
  const question = {
    model,
    system: probe.system,
    prompt: variant.prompt,
    tools: probe.tools,
    temperature: probe.temperature,
    seed: seedOf(suite, probe, variant, index),
    maxTokens: probe.maxTokens,
    wantsLogprobs: capabilities.logprobs,
  }
  const answer = await askModel(ask, question, suite.timeoutMs)
  const vector =
    capabilities.embeddings && suite.embeddings !== undefined
      ? await embed(ask, suite.embeddings, answer.text, suite.timeoutMs)
      : undefined
  const refused = isRefusal(answer, suite.refusals)
  return {
    probe: probe.id,
    variant: variant.id,
    index,
    text: mask(answer.text),
    length: answer.text.length,
    digest: digestOf(answer),
    refused,
    held: holds(probe, answer, refused),
    calls: answer.calls.map(({ name }) => name.slice(0, 128)),
    ...(answer.logprobs ? { logprobs: answer.logprobs } : {}),
    ...(vector ? { vector } : {}),
  }
}

/** The same for both versions, and for all answers of a probe that must be the same. */
function seedOf({ seed, digest }: Suite, probe: Probe, variant: Variant, index: number): number {
  const place = `${digest}/${seed}/${probe.id}/${variant.id}/${probe.expect.same ? 0 : index}`
  return createHash('sha256').update(place).digest().readUInt32BE(0) >>> 1
}

function digestOf({ text, calls }: MeasuredAnswer): string {
  return createHash('sha256')
    .update(JSON.stringify([text, calls]))
    .digest('hex')
    .slice(0, 16)
}

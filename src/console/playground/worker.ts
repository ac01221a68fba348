/** The worker: reads texts, so that the page stays responsive. A newer text ends what is being done for an older one. */
import { packs } from 'torwart:packs'
import { type Analyser, createAnalyser } from './analysis.ts'
import { layOut } from './layout.ts'
import type { FromWorker, Job, ToWorker } from './messages.ts'
import type { Analysis, Result } from './shown.ts'

/** Milliseconds after which it looks for a newer text. */
const turnMs = 40

let analyser: Analyser | undefined
let newest = 0
const say = (message: FromWorker) => postMessage(message)

addEventListener('message', ({ data }: MessageEvent<ToWorker>) => {
  if ('settings' in data) {
    analyser = createAnalyser(packs, data.settings)
    say({ ready: { signatures: analyser.signatures } })
  } else {
    newest = data.job.id
    void run(data.job)
  }
})

async function run(job: Job): Promise<void> {
  try {
    const result = await resultOf(job)
    if (result) say({ result })
  } catch {
    say({ failed: { id: job.id } })
  }
}

async function resultOf(job: Job): Promise<Result | undefined> {
  if (!analyser) throw new Error('no settings yet')
  const startedMs = performance.now()
  const steps = analyser.analyse(job.text, job.channel)
  let pausedMs = startedMs
  let step = steps.next()
  while (!step.done) {
    if (performance.now() - pausedMs > turnMs) {
      await new Promise((resolve) => setTimeout(resolve))
      if (newest !== job.id) return undefined
      pausedMs = performance.now()
    }
    step = steps.next()
  }
  return shown(job, step.value, performance.now() - startedMs)
}

function shown({ id, text }: Job, analysis: Analysis, tookMs: number): Result {
  return { id, ...analysis, layout: layOut(text, analysis.findings, analysis.spans), tookMs }
}

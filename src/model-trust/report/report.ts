/** The report of a run as one HTML file: the verdict, what changed, each failed probe, and what the suite cannot see. */
import { createHash } from 'node:crypto'
import type { Comparison } from '../suite/compare-versions.ts'
import { type Baseline, isHeld, type ProbeResult, type Result } from '../suite/result.ts'
import type { Suite } from '../suite/suite.ts'
import { distributions, percent, shareBars } from './charts.ts'
import { differingWords, type Group, groupsOf } from './groups.ts'
import { type Html, html, Html as Raw } from './html.ts'
import { blindSpots, headline, sentencesOf } from './sentences.ts'
import { style } from './style.ts'

const maxShownText = 700
const maxShownAnswers = 4

/** Writes the report. @param against the version that was compared with */
export function reportPage(suite: Suite, result: Result, against: Baseline | undefined): string {
  const groups = groupsOf(suite, result.samples, result.against && against?.samples)
  const hash = createHash('sha256').update(style).digest('base64')
  const policy = `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`
  const page = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${result.model.name}: ${result.verdict}</title>
<style>${new Raw(style)}</style></head><body><main>
${head(result)}
${result.comparisons.length > 0 ? comparisonSection(result, groups) : undefined}
${probeSection(suite, result)}
<h2>What this cannot see</h2><div class="card">${blindSpots(suite, result).map((line) => html`<p>${line}</p>`)}</div>
${methodSection(result)}
</main></body></html>
`
  return page.text
}

function head(result: Result): Html {
  const { verdict, model, suite, finished, against } = result
  const digest = model.digest ?? 'not told by this server'
  return html`<header class="verdict ${verdict}"><h1>${model.name}</h1><p><b>${headline(result)}</b></p>
${sentencesOf(result).map((line) => html`<p>${line}</p>`)}</header>
<dl class="facts"><dt>Model</dt><dd><code>${model.name}</code> at ${model.upstream}</dd>
<dt>Digest</dt><dd><code>${digest}</code></dd><dt>Suite</dt><dd>${suite.name} <code>${suite.digest.slice(0, 12)}</code></dd>
<dt>Finished</dt><dd>${day(finished)}</dd>
${
  against
    ? html`<dt>Compared with</dt><dd><code>${against.model.name}</code> <code>${(against.model.digest ?? 'no digest').slice(0, 12)}</code>, tested ${day(against.finished)};
${percent(against.identical)} of the answers are the same, letter by letter</dd>`
    : undefined
}</dl>`
}

function day(time: string): string {
  return `${time.slice(0, 16).replace('T', ' ')} UTC`
}

function comparisonSection(result: Result, groups: readonly Group[]): Html {
  const triggers = result.comparisons.filter(({ kind }) => kind === 'trigger')
  const rest = result.comparisons.filter(({ kind }) => kind !== 'trigger')
  const differs = ({ name }: Group) => rest.some((each) => each.of === name && each.differs)
  const sorted = [...groups].sort((a, b) => Number(differs(b)) - Number(differs(a)))
  return html`${
    result.against
      ? html`<h2>The two versions beside each other</h2><p class="soft"><span class="key before"></span>earlier
&nbsp; <span class="key after"></span>now. Lengths in characters; the line is the median.</p>
<div class="grid">${sorted.map((group) => card(group, rest))}</div>`
      : undefined
  }${triggers.length > 0 ? triggerTable(triggers) : undefined}`
}

function card(group: Group, comparisons: readonly Comparison[]): Html {
  const own = comparisons.filter(({ of, differs }) => of === group.name && differs)
  const { before, after } = group
  const lengths = (samples: Group['after']) => samples.map(({ length }) => length)
  const refused = (samples: Group['after']) => samples.filter((each) => each.refused).length
  return html`<section class="card ${own.length > 0 ? 'differs' : ''}"><h3>${group.name} ${
    own.length > 0 ? tag('bad', 'differs') : tag('good', 'no difference found')
  }</h3>
<small>${after.length} answers each. Refused:</small>
${shareBars(`${group.name}: share of refusals`, [
  ...(before ? [{ label: 'earlier', kind: 'before' as const, yes: refused(before), of: before.length }] : []),
  { label: 'now', kind: 'after', yes: refused(after), of: after.length },
])}
<small>Length of answers:</small>
${distributions(`${group.name}: lengths of answers`, 'characters', lengths(after), before && lengths(before))}
${own.map(({ kind, word, adjusted }) => html`<p>${tag('bad', kind)} ${word === undefined ? undefined : html`<code>${word}</code>`} <small>p ${probability(adjusted)}</small></p>`)}
${own.length > 0 ? wordTable(group) : undefined}</section>`
}

function wordTable(group: Group): Html {
  const share = (count: number, of: number) => percent(of === 0 ? 0 : count / of)
  const rows = differingWords(group, 6).map(
    ({ word, before, after }) =>
      html`<tr><td><code>${word}</code></td><td class="number">${share(before, group.before?.length ?? 0)}</td>
<td class="number">${share(after, group.after.length)}</td></tr>`,
  )
  return html`<table><tr><th>word in answers</th><th class="number">earlier</th><th class="number">now</th></tr>${rows}</table>`
}

function triggerTable(triggers: readonly Comparison[]): Html {
  const rows = triggers.map(
    ({ of, effect, adjusted, differs }) => html`<tr><td><code>${of}</code></td>
<td>${differs ? tag('bad', 'makes it worse') : tag('good', 'no effect')}</td>
<td class="number">${signed(effect * 100)} points</td><td class="number">${probability(adjusted)}</td></tr>`,
  )
  return html`<h2>Trigger phrases</h2><p class="soft">The same prompts with and without the phrase: how much more or less often
the answer is as expected.</p><div class="scroll"><table><tr><th>trigger</th><th></th><th class="number">change</th>
<th class="number">p</th></tr>${rows}</table></div>`
}

function probeSection(suite: Suite, result: Result): Html {
  const rank = ({ state }: ProbeResult) => ['failed', 'unfinished', 'not applicable', 'passed'].indexOf(state)
  const sorted = [...result.probes].sort((a, b) => rank(a) - rank(b))
  const rows = sorted.map((probe) => {
    const held = probe.variants.reduce((sum, each) => sum + each.held, 0)
    const of = probe.variants.reduce((sum, each) => sum + each.of, 0)
    return html`<tr><td><code>${probe.id}</code></td><td>${probe.family}</td><td>${stateTag(probe)}</td>
<td class="number">${of === 0 ? '–' : `${held} of ${of}`}</td><td class="number">${percent(probe.holds)}</td></tr>`
  })
  return html`<h2>Probes</h2><div class="scroll"><table><tr><th>probe</th><th>family</th><th></th>
<th class="number">as expected</th><th class="number">must hold, each prompt</th></tr>${rows}</table></div>
${sorted.filter(({ state }) => state === 'failed').map((probe, at) => failure(suite, result, probe, at === 0))}`
}

function failure(suite: Suite, { samples }: Result, result: ProbeResult, isOpen: boolean): Html {
  const probe = suite.probes.find(({ id }) => id === result.id)
  const bad = result.variants.filter(({ held, of }) => held < result.holds * of - 1e-9)
  const parts = bad.map(({ id, held, of }) => {
    const prompt = probe?.variants.find((each) => each.id === id)?.prompt ?? ''
    const given = samples.filter((each) => each.probe === result.id && each.variant === id)
    const wrong = given.filter((each) => probe && !isHeld(probe, each, given))
    const answers = wrong.slice(0, maxShownAnswers).map(
      ({ text, calls }) =>
        html`<pre>${shown(text)}${calls.map(
          (name) => html`
→ calls ${name}`,
        )}</pre>`,
    )
    return html`<p><b>Prompt ${id}</b>: ${held} of ${of} as expected</p><pre>${shown(prompt)}</pre>
<p><small>${wrong.length > maxShownAnswers ? `The first ${maxShownAnswers} of ${wrong.length} answers` : 'Answers'} that were not, masked:</small></p>${answers}`
  })
  return html`<details ${isOpen ? 'open' : ''}><summary>${tag('bad', 'failed')} <b>${result.id}</b></summary>${parts}</details>`
}

function shown(text: string): string {
  if (text === '') return '(no text)'
  return text.length > maxShownText ? `${text.slice(0, maxShownText)} … (${text.length} characters)` : text
}

function methodSection({ plan, comparisons, capabilities, seed }: Result): Html {
  const rows = comparisons.map(
    ({
      id,
      p,
      adjusted,
      effect,
      unit,
      differs,
    }) => html`<tr><td>${id}</td><td class="number">${probability(p)}</td>
<td class="number">${probability(adjusted)}</td><td class="number">${effect.toFixed(3)}</td><td>${unit}</td><td>${differs ? tag('bad', 'differs') : undefined}</td></tr>`,
  )
  const told = Object.entries(capabilities).map(([name, has]) => `${name} ${has ? 'yes' : 'no'}`)
  return html`<h2>How it was tested</h2><details><summary>Plan <code>${plan.digest.slice(0, 12)}</code>, ${plan.tests.length} tests, seed ${seed}</summary>
<p>The plan was fixed before the first answer. Lengths: Mann–Whitney by prompt (van Elteren). Refusals and triggers: Fisher.
Words: Jensen–Shannon divergence and the word that differs most, logprobs and meanings: maximum mean discrepancy, each with at
most ${plan.permutations} permutations within prompts. p is corrected after Holm over all tests; below ${plan.alpha} it counts as a
difference. The server tells: ${told.join(', ')}.</p>
<div class="scroll"><table><tr><th>test</th><th class="number">p</th><th class="number">corrected</th><th class="number">effect</th><th>of</th><th></th></tr>${rows}</table></div></details>`
}

function stateTag({ state }: ProbeResult): Html {
  return tag(state === 'passed' ? 'good' : state === 'failed' ? 'bad' : 'open', state)
}

function tag(kind: 'good' | 'bad' | 'open', text: string): Html {
  return html`<span class="tag ${kind}">${text}</span>`
}

function probability(p: number): string {
  return p < 0.001 ? '< 0.001' : p.toFixed(3)
}

function signed(value: number): string {
  return `${value > 0 ? '+' : value < 0 ? '−' : ''}${Math.abs(Math.round(value))}`
}

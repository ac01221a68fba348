/** A run as one HTML file without scripts: it can be mailed, archived and printed. */
import { createHash } from 'node:crypto'
import { type Html, html, Html as Raw } from '../../model-trust/report/html.ts'
import { style } from '../../model-trust/report/style.ts'
import { type AttackResult, holesOf, type RunResult, resultsOf, type Verdict } from '../result.ts'
import { headline, stoppedByGuard } from './text.ts'

/** Writes the report. */
export function reportPage(run: RunResult): string {
  const hash = createHash('sha256').update(style).digest('base64')
  const policy = `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`
  const verdict = resultsOf(run, 'through').length > 0 ? 'failed' : 'passed'
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Attacks: ${verdict}</title>
<style>${new Raw(style)}</style></head><body><main>
<header class="verdict ${verdict}"><h1>Attacks on ${run.target}</h1><p><b>${headline(run)}</b></p></header>
${facts(run)}
${holesOf(run).map(
  ({ close, results }) =>
    html`<h2>Got through</h2><section class="card differs"><h3>Close it: ${withCode(close)}</h3>${table(results)}</section>`,
)}
${part(run, 'unclear', 'Not decided', 'What these attacks prove is unknown.', notesOf)}
${part(run, 'admitted', 'Got through, as the documentation says', 'How each can be closed stands behind it.', admittedOf)}
${guards(run)}
${coverage(run)}
${part(run, 'stopped', 'Stopped', 'As every role that it was tried as.', notesOf)}
${part(run, 'skipped', 'Not tried', 'Why, as far as the policy tells.', notesOf)}
<h2>What this cannot show</h2><div class="card">
<p>An attack that is stopped was stopped in this wording. Attackers have others, and no suite has them all.</p>
${run.changed.map((line) => html`<p>${line}</p>`)}</div>
</main></body></html>
`.text
}

function facts({ policy, roles, finished, seconds }: RunResult): Html {
  return html`<dl class="facts"><dt>Policy</dt><dd><code>${policy ?? 'unknown'}</code></dd>
<dt>Roles</dt><dd>${roles.join(', ')}</dd>
<dt>Finished</dt><dd>${finished.slice(0, 16).replace('T', ' ')} UTC, after ${seconds} s</dd></dl>`
}

type Note = (result: AttackResult) => string

const notesOf: Note = ({ notes }) => notes.join(', ')
const admittedOf: Note = ({ attack: { admitted }, close }) => `${admitted?.by ?? ''}. ${close}`

function part(run: RunResult, verdict: Verdict, title: string, lead: string, note: Note): Html | undefined {
  const results = resultsOf(run, verdict)
  if (results.length === 0) return undefined
  return html`<h2>${title} (${results.length})</h2><p class="soft">${lead}</p>${table(results, note)}`
}

function table(results: readonly AttackResult[], note?: Note): Html {
  return html`<div class="scroll"><table><thead><tr><th>Attack</th><th>What</th><th>OWASP</th><th>Roles</th>${
    note && html`<th>Note</th>`
  }</tr></thead><tbody>${results.map((result) => row(result, note))}</tbody></table></div>`
}

function row(result: AttackResult, note: Note | undefined): Html {
  const { attack, roles } = result
  return html`<tr><td><code>${attack.id}</code></td><td>${attack.title}</td><td>${attack.owasp.join(', ')}</td>
<td>${roles.join(', ')}</td>${note && html`<td>${withCode(note(result))}</td>`}</tr>`
}

/** Texts name settings and commands between backticks. */
function withCode(text: string): Html[] {
  return text.split('`').map((piece, at) => (at % 2 === 1 ? html`<code>${piece}</code>` : html`${piece}`))
}

function guards(run: RunResult): Html {
  return html`<h2>What stopped them</h2><div class="scroll"><table>
<thead><tr><th>Guard</th><th class="number">Attacks</th><th>How</th></tr></thead><tbody>${stoppedByGuard(
    run,
  ).map(
    ([guard, count, by]) => html`<tr><td>${guard}</td><td class="number">${count}</td><td>${by}</td></tr>`,
  )}</tbody></table></div>`
}

/** Of each OWASP risk, how many attacks were tried and what became of them. */
function coverage(run: RunResult): Html {
  const ids = [...new Set(run.results.flatMap(({ attack }) => attack.owasp))].sort()
  const count = (id: string, verdict: Verdict) =>
    resultsOf(run, verdict).filter(({ attack }) => attack.owasp.includes(id)).length
  return html`<h2>By OWASP risk</h2><div class="scroll"><table><thead><tr><th>Risk</th><th class="number">stopped</th>
<th class="number">got through</th><th class="number">admitted</th><th class="number">not decided</th></tr></thead><tbody>${ids.map(
    (id) =>
      html`<tr><td>${id}</td>${(['stopped', 'through', 'admitted', 'unclear'] as const).map(
        (verdict) => html`<td class="number">${count(id, verdict)}</td>`,
      )}</tr>`,
  )}</tbody></table></div>`
}

/** A page as one HTML file that needs nothing else, and prints. */
import { createHash } from 'node:crypto'
import { type Html, html, Html as Raw } from '../../model-trust/report/html.ts'
import { style as common } from '../../model-trust/report/style.ts'
import type { Block, Cell, Mark, Page } from './page.ts'

const style = `${common}
h2 { border-top: 1px solid var(--line); padding-top: 18px; }
h3 { margin: 22px 0 6px; }
h3 .tag { margin-left: 6px; }
.facts { grid-template-columns: minmax(110px, max-content) 1fr; margin: 6px 0 14px; }
.facts dd + dd { grid-column: 2; }
@media print { :root { --page: #fff; --card: #fff; --text: #000; --soft: #444; --line: #bbb; --good: #17784a; --bad: #b3261e;
  --open: #8a5a00; --good-back: #fff; --bad-back: #fff; --open-back: #fff; } main { max-width: none; padding: 0; }
  .tag { border: 1px solid; } h2, h3 { break-after: avoid; } .facts, tr { break-inside: avoid; } }
`

/** Prints a page. It runs no script, and loads nothing. */
export function toHtml({ language, title, blocks }: Page): string {
  const hash = createHash('sha256').update(style).digest('base64')
  const policy = `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`
  const page = html`<!doctype html>
<html lang="${language}"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${new Raw(style)}</style></head><body><main>
<h1>${title}</h1>
${blocks.map(pieceOf)}
</main></body></html>
`
  return page.text
}

function pieceOf(block: Block): Html {
  switch (block.kind) {
    case 'heading': {
      const mark = block.mark ? tag(block.mark) : undefined
      return block.level === 2
        ? html`<h2>${block.text} ${mark}</h2>
`
        : html`<h3>${block.text} ${mark}</h3>
`
    }
    case 'text':
      return html`<p>${block.text}</p>
`
    case 'table':
      return html`<div class="scroll"><table><tr>${block.head.map((text) => html`<th>${text}</th>`)}</tr>
${block.rows.map(
  (row) => html`<tr>${row.map(cell)}</tr>
`,
)}</table></div>
`
    case 'facts':
      return html`<dl class="facts">${block.rows.map(
        ({ name, values, isCode }) => html`<dt>${name}</dt>${values.map((value) =>
          isCode ? html`<dd><code>${value}</code></dd>` : html`<dd>${value}</dd>`,
        )}
`,
      )}</dl>
`
  }
}

function cell(value: Cell): Html {
  if (typeof value === 'number') return html`<td class="number">${value}</td>`
  return typeof value === 'string' ? html`<td>${value}</td>` : html`<td>${tag(value)}</td>`
}

function tag({ tone, text }: Mark): Html {
  return html`<span class="tag ${tone}">${text}</span>`
}

/** The report: it stands alone, nothing of a model's answer becomes markup, and it says what a person must know. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { percent } from '../../src/model-trust/report/charts.ts'
import { html } from '../../src/model-trust/report/html.ts'
import { reportPage } from '../../src/model-trust/report/report.ts'
import type { Capabilities } from '../../src/model-trust/suite/plan.ts'
import { planOf } from '../../src/model-trust/suite/plan.ts'
import { readSuite } from '../../src/model-trust/suite/read-suite.ts'
import { judgeRun } from '../../src/model-trust/suite/result.ts'
import { simulatedRun } from '../rig/simulated-run.ts'
import { type Poison, steers, unlocks } from '../rig/suite-model.ts'

const suite = readSuite(
  'basic.yaml',
  readFileSync(new URL('../../config/suites/basic.yaml', import.meta.url)),
)
const capabilities: Capabilities = { tools: true, logprobs: false, embeddings: false }
const model = { name: 'tested', upstream: 'local', digest: '1'.repeat(64) }
const baseline = {
  model,
  capabilities,
  finished: '2026-11-30T12:00:00.000Z',
  samples: simulatedRun(suite, 'before'),
}

function page(poison: Poison | undefined, isCompared: boolean, cutAfter?: number): string {
  const samples = simulatedRun(suite, 'after', poison)
  const end =
    cutAfter === undefined
      ? { finished: true as const, samples }
      : {
          finished: false as const,
          samples: samples.slice(0, cutAfter),
          why: 'the model server does not answer',
        }
  const against = isCompared ? baseline : undefined
  const plan = planOf(suite, capabilities, against?.capabilities)
  const run = { suite, plan, model, capabilities, end, finishedMs: Date.UTC(2026, 11, 1) }
  return reportPage(suite, judgeRun(run, against), against)
}

describe('the report', () => {
  it('stands alone: one style that its policy names by hash, no script, no address, no inline style', () => {
    const text = page(undefined, true)
    const [, style = ''] = /<style>([\s\S]*?)<\/style>/.exec(text) ?? []
    const hash = createHash('sha256').update(style).digest('base64')
    expect(text).toContain(`default-src &#39;none&#39;; style-src &#39;sha256-${hash}&#39;`)
    expect(text).not.toMatch(/<script|<link|<img|<iframe|@import|url\(|https?:|\sstyle=|\son\w+=/i)
  })

  it('shows hostile answers as text, with what is not seen made visible', () => {
    const hostile = `</pre><script>alert(1)</script><img src=x onerror=alert(1)> \u202egnp.exe \u200b"'&`
    const text = page(
      (answer, asked) => ({
        ...answer,
        text: unlocks('override')(answer, asked).text === answer.text ? answer.text : hostile,
      }),
      false,
    )
    expect(text).toContain('&lt;/pre&gt;&lt;script&gt;alert(1)&lt;/script&gt;')
    expect(text).toContain('⟨U+202E⟩gnp.exe ⟨U+200B⟩&quot;&#39;&amp;')
    expect(text).not.toMatch(/<script|<img|\u202e|\u200b/)
  })

  it('says in the first lines what failed and what changed', () => {
    const both: Poison = (answer, asked) => steers(0.2)(unlocks('override')(answer, asked), asked)
    const text = page(both, true)
    const [head = ''] = text.split('</header>')
    expect(head).toContain('Failed: do not take this version into use')
    expect(head).toContain('13 of 14 probes passed.')
    expect(head).toContain('refuses-harm (only with override)')
    expect(head).toContain('Trigger phrases that make answers worse: override.')
    expect(head).toMatch(/The word “\w+” is in \d+ % more of the answers than before/)
    expect(text.indexOf('card differs')).toBeLessThan(text.indexOf('no difference found'))
  })

  it('draws both versions, and only one if there is no other', () => {
    const compared = page(undefined, true)
    expect(compared).toContain('No difference to the earlier version was found.')
    expect(compared.match(/class="before"/g)?.length).toBeGreaterThan(50)
    expect(compared.match(/<svg [^>]*role="img" aria-label=/g)?.length).toBe(compared.match(/<svg/g)?.length)
    expect(page(undefined, false)).not.toContain('<svg')
  })

  it('calls what was cut off unfinished', () => {
    const text = page(undefined, true, 100)
    expect(text).toContain('Unfinished: answers are missing, so nothing is proven.')
    expect(text).toContain('It ended because the model server does not answer.')
    expect(text).not.toContain('Passed:')
  })

  it('says what it cannot see, with the numbers of the run', () => {
    const text = page(undefined, false)
    expect(text).toContain('A trigger that is not among the 4 of the suite')
    expect(text).toContain('none was given')
  })
})

describe('percentages', () => {
  it('are 0 or 100 only if they are exact', () => {
    expect([0, 0.001, 0.5, 0.999, 1].map(percent)).toEqual(['0 %', '< 1 %', '50 %', '> 99 %', '100 %'])
  })
})

describe('pieces of HTML', () => {
  it('escape texts and leave nothing out', () => {
    expect(html`<b>${['<', 1, undefined, html`<i>${'&'}</i>`]}</b>`.text).toBe('<b>&lt;1<i>&amp;</i></b>')
  })
})

/** The stated rates of false alarms and of what is found, as `npm run simulate -- models` measures it. */
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { readSuite } from '../../src/model-trust/suite/read-suite.ts'
import { fires, steers } from '../rig/suite-model.ts'
import { differing } from '../simulate/models.ts'

const suite = readSuite(
  'basic.yaml',
  readFileSync(new URL('../../config/suites/basic.yaml', import.meta.url)),
)

it('the comparison of a model with itself raises an alarm in at most 1 % of 200 runs', () => {
  const alarms = Array.from({ length: 200 }, (_, run) => differing(suite, `run ${run}`)).filter(
    (found) => found.length > 0,
  )
  expect(alarms.length).toBeLessThanOrEqual(2)
})

it('the comparison finds a trigger that changes every answer, and a fifth of all answers that is steered, each time', () => {
  for (let run = 0; run < 4; run++) {
    expect(differing(suite, `run ${run}`, fires('year', 1))).not.toEqual([])
    expect(differing(suite, `run ${run}`, steers(0.2))).toContain('one word/all')
  }
})

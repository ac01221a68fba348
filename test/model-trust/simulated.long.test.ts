/** The stated rate of false alarms, as `npm run simulate -- models` measures it. */
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { readSuite } from '../../src/model-trust/suite/read-suite.ts'
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

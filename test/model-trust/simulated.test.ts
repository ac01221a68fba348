/** A small, repeatable part of `npm run simulate -- models`, which measures the rates over 200 runs. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { readSuite } from '../../src/model-trust/suite/read-suite.ts'
import { fires, steers } from '../rig/suite-model.ts'
import { differing } from '../simulate/models.ts'

const suite = readSuite(
  'basic.yaml',
  readFileSync(new URL('../../config/suites/basic.yaml', import.meta.url)),
)

describe('the comparison of two versions', () => {
  it('finds nothing between a model and itself', () => {
    for (let run = 0; run < 6; run++) expect(differing(suite, `run ${run}`)).toEqual([])
  })

  it('finds a trigger that changes every answer, and a fifth of all answers that is steered', () => {
    expect(differing(suite, 'run 0', fires('year', 1))).not.toEqual([])
    expect(differing(suite, 'run 0', steers(0.2))).toContain('one word/all')
  })
})

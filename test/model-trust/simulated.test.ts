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
const runs = 6
const alarms = (poison?: Parameters<typeof differing>[2]) =>
  Array.from({ length: runs }, (_, run) => differing(suite, `run ${run}`, poison))

describe('the comparison of two versions', () => {
  it('finds nothing between a model and itself', () => {
    expect(alarms().flat()).toEqual([])
  })

  it('finds a trigger that changes every answer, and a fifth of all answers that is steered', () => {
    for (const found of alarms(fires('year', 1))) expect(found).not.toEqual([])
    for (const found of alarms(steers(0.2))) expect(found).toContain('one word/all')
  })
})

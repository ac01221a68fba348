/** As `foretold.test.ts`, with many policies. */
import { describe, it } from 'vitest'
import { foretell } from '../../rig/foretell.ts'

describe('replay', () => {
  it.each(Array.from({ length: 30 }, (_, index) => index + 1))(
    'foretells what a gateway with another policy does, number %i',
    (seed) => foretell(seed, 80),
  )
})

/** What replay foretells is what a real gateway with the other policy then does with the same requests. */
import { describe, it } from 'vitest'
import { foretell } from '../../rig/foretell.ts'

describe('replay', () => {
  it.each([1, 2])('foretells what a gateway with another policy does, number %i', (seed) =>
    foretell(seed, 30),
  )
})

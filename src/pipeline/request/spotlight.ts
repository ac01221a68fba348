/** The tag by which a model tells data from orders: made anew for every request, when its texts are known. */
import { randomHex } from '../../core/random.ts'
import type { Prompt, Spotlighting } from '../../dialects/dialect.ts'
import type { Role } from '../../policy/policy.ts'

const tagBytes = 8

/** Makes the marks for the data in a prompt (spotlighting, Hines et al. 2024); undefined: the role wants none. */
export function spotlightingFor(
  { separate, promptGuard }: Role,
  { texts }: Prompt,
): Spotlighting | undefined {
  if (!separate) return undefined
  let tag: string
  // Once, but for a chance of one in many billions.
  do tag = randomHex(tagBytes)
  while (texts.some(({ text }) => text.includes(tag)))
  return { tag, datamark: promptGuard.datamark }
}

/** The answers of a made-up model to a whole suite, without a server: what simulations compare by the thousand. */
import { createHash } from 'node:crypto'
import { seededRandom } from '../../src/model-trust/statistics/random.ts'
import { holds, isRefusal } from '../../src/model-trust/suite/observe.ts'
import type { Sample } from '../../src/model-trust/suite/sample.ts'
import type { Suite } from '../../src/model-trust/suite/suite.ts'
import { honestAnswer, type Poison } from './suite-model.ts'

/** @param draw of the model: the same one gives the same answers */
export function simulatedRun(
  suite: Suite,
  draw: string,
  poison: Poison = (answer) => answer,
): readonly Sample[] {
  return suite.probes.flatMap((probe) =>
    probe.variants.flatMap((variant) =>
      Array.from({ length: probe.samples }, (_, index): Sample => {
        const asked = { probe, variant, random: seededRandom(`${draw}/${probe.id}/${variant.id}/${index}`) }
        const { text, calls = [] } = poison(honestAnswer(asked), asked)
        const answer = { text, calls, isDeclined: false }
        const refused = isRefusal(answer, suite.refusals)
        return {
          probe: probe.id,
          variant: variant.id,
          index,
          text,
          length: text.length,
          digest: createHash('sha256')
            .update(JSON.stringify([text, calls]))
            .digest('hex')
            .slice(0, 16),
          refused,
          held: holds(probe, answer, refused),
          calls: calls.map(({ name }) => name),
        }
      }),
    ),
  )
}

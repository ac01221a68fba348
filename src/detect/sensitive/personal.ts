/** Names, which count as personal data only where a policy says so, because they look like any other words. */
import { detectors } from './detectors.ts'
import { SensitiveFinder } from './finder.ts'
import { knownNames } from './known-names.ts'
import { labelledNames } from './labelled-names.ts'
import { shippedFinder } from './mask.ts'

/** Which names a policy wants found. */
export interface PersonalNames {
  /** Names to look for anywhere. */
  readonly names: readonly string[]
  /** Whether what stands behind a label, a salutation or a title is a name. */
  readonly labelled: boolean
}

/** Makes a finder of what is shipped and what the policy adds. */
export function createFinder({ names, labelled }: PersonalNames): SensitiveFinder {
  const added = [...(names.length > 0 ? [knownNames(names)] : []), ...(labelled ? labelledNames : [])]
  return added.length === 0 ? shippedFinder : new SensitiveFinder([...detectors, ...added])
}

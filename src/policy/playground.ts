/** What the playground knows of a policy: how its prompt guard finds and decides. Never names, exceptions or secrets. */
import type { ScanSettings } from '../detect/scan-settings.ts'
import { labelledNames } from '../detect/sensitive/labelled-names.ts'
import type { Policy } from './policy.ts'

/**
 * Returns the settings of a policy's guards.
 * @param withPacks whether the operator's own packs are included
 */
export function settingsOf(
  { promptGuard, personalData }: Pick<Policy, 'promptGuard' | 'personalData'>,
  withPacks = true,
): ScanSettings {
  const { mode, block, flag, disable, severities, packSources } = promptGuard
  const { finder, namesFile } = personalData
  return {
    mode,
    block,
    flag,
    packs: withPacks ? packSources : [],
    packsLeftOut: withPacks ? 0 : packSources.length,
    disable: [...disable],
    severities: { ...severities },
    labelledNames: labelledNames.every((detector) => finder.detectors.includes(detector)),
    hasKnownNames: namesFile !== undefined,
  }
}

const emptySettings = '<script type="application/json" id="settings">null</script>'

/**
 * Puts settings into a built page of the playground, as a data block, which no browser runs.
 * @throws Error if the page has no place for them
 */
export function withSettings(html: string, settings: ScanSettings): string {
  if (!html.includes(emptySettings)) throw new Error('the page of the playground has no place for settings')
  // So that no text of a pack can end the block.
  const json = JSON.stringify(settings).replaceAll('<', '\\u003c')
  return html.replace(emptySettings, () => emptySettings.replace('null', () => json))
}

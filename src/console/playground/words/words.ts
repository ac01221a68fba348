/** Every text of the page: a language is one object of this shape. */
import type { Action, Channel, Severity } from '../../../core/text.ts'
import type { DisguiseName } from '../disguise-names.ts'
import type { ExampleGroup } from '../examples.ts'

/** The texts of the page in one language. */
export interface Words {
  readonly title: string
  readonly lead: string
  readonly language: string
  readonly skip: string
  readonly input: {
    readonly heading: string
    readonly label: string
    readonly placeholder: string
    readonly hint: string
    readonly channel: string
    readonly block: string
    readonly flag: string
    readonly open: string
    readonly clear: string
    readonly link: string
    readonly linked: (characters: string) => string
    readonly linkShown: string
    readonly tooLongForLink: string
    readonly brokenLink: string
    readonly held: (characters: string) => string
    readonly tooLong: (characters: string) => string
    readonly unreadable: string
  }
  readonly channels: Readonly<Record<Channel, string>>
  readonly severities: Readonly<Record<Severity, string>>
  readonly actions: Readonly<Record<Action, string>>
  readonly examples: { readonly heading: string; readonly groups: Readonly<Record<ExampleGroup, string>> }
  readonly settings: {
    readonly shipped: string
    readonly policy: string
    readonly observe: string
    readonly off: string
    readonly packs: (count: number) => string
    readonly packsLeftOut: (count: number) => string
    readonly names: string
    readonly limits: string
  }
  readonly verdict: {
    readonly heading: string
    readonly loading: string
    readonly scanning: string
    readonly failed: string
    readonly empty: string
    readonly score: (score: string) => string
    readonly thresholds: (flag: number, block: number) => string
    readonly facts: (characters: string, signatures: string, ms: string) => string
  }
  readonly text: {
    readonly heading: string
    readonly skipped: (characters: string) => string
    readonly unseen: (count: number, codes: string) => string
    readonly moreMasked: (count: string) => string
    readonly mark: (number: number, id: string) => string
    readonly value: (type: string) => string
  }
  readonly findings: {
    readonly heading: (count: number) => string
    readonly none: string
    readonly all: (count: string) => string
    readonly show: (number: number) => string
    readonly place: (start: string, end: string) => string
    readonly mentioned: string
    readonly parts: string
  }
  readonly categories: Readonly<Record<string, string>>
  readonly disguises: {
    readonly heading: (count: number) => string
    readonly none: string
    readonly found: string
    readonly nothing: string
    readonly read: string
    readonly cut: string
    readonly original: string
    readonly undone: string
    readonly unseen: string
    readonly removed: string
    readonly more: (count: string) => string
    readonly names: Readonly<Record<DisguiseName, string>>
  }
  readonly masked: {
    readonly heading: (count: string) => string
    readonly none: string
    readonly cut: (characters: string) => string
    readonly copy: string
    readonly copied: string
    readonly notCopied: string
  }
}

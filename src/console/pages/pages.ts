/** The pages, in the order of the navigation, and who sees which. */
import type { ComponentType } from 'preact'
import type { Session } from '../api/types.ts'
import type { Route } from '../parts/route.ts'
import { hasRight, type Right } from '../parts/session.ts'
import type { TextKey } from '../texts/texts.ts'
import { ApprovalsPage } from './approvals/approvals.tsx'
import { AuditPage } from './audit/audit.tsx'
import { FreezesPage } from './freezes.tsx'
import { KeysPage } from './keys/keys.tsx'
import { LimitsPage } from './limits/limits.tsx'
import { LivePage } from './live/live.tsx'
import { PolicyPage } from './policy/policy.tsx'

/** A page of the console. */
export interface Page {
  /** As in its address. */
  readonly name: string
  readonly title: TextKey
  /** Who has any of these rights sees it. */
  readonly rights: readonly Right[]
  readonly View: ComponentType<{ route: Route }>
}

const pages: readonly Page[] = [
  { name: 'live', title: 'live.title', rights: ['read'], View: LivePage },
  { name: 'approvals', title: 'approvals.title', rights: ['read', 'approve'], View: ApprovalsPage },
  { name: 'keys', title: 'keys.title', rights: ['read'], View: KeysPage },
  { name: 'freezes', title: 'freezes.title', rights: ['read'], View: FreezesPage },
  { name: 'limits', title: 'limits.title', rights: ['read'], View: LimitsPage },
  { name: 'audit', title: 'audit.title', rights: ['read'], View: AuditPage },
  { name: 'policy', title: 'policy.title', rights: ['read'], View: PolicyPage },
]

/** Returns the pages that somebody may see. */
export function pagesOf(session: Session): readonly Page[] {
  return pages.filter(({ rights }) => rights.some((right) => hasRight(session, right)))
}

/** Finds a page by its name in the address. @returns undefined: there is none, or not for this person */
export function pageOf(name: string, session: Session): Page | undefined {
  return pagesOf(session).find((page) => page.name === name)
}

/** Returns the name of the page that somebody sees first. */
export function firstPage(session: Session): string {
  return pagesOf(session)[0]?.name ?? 'approvals'
}

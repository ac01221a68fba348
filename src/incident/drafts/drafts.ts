/** All drafts of an incident. */
import type { NoticeName } from '../notices.ts'
import { noticeKinds, noticeNames } from '../notices.ts'
import { seriousIncident } from './ai-act.ts'
import { breachNotification } from './gdpr.ts'
import { earlyWarning, finalReport, notification } from './nis2.ts'
import { type DraftParts, gapsIn } from './shared.ts'

/** A draft, and how much of it is left to people. */
export interface Draft {
  readonly notice: NoticeName
  /** Markdown. */
  readonly text: string
  readonly gaps: number
}

const makers: Readonly<Record<NoticeName, (parts: DraftParts) => string[]>> = {
  'nis2-early-warning': earlyWarning,
  'nis2-notification': notification,
  'nis2-final-report': finalReport,
  'gdpr-33': breachNotification,
  'ai-act-73': seriousIncident,
}

/** Makes the drafts of the duties that the incident has. */
export function draftsOf(parts: DraftParts): Draft[] {
  return noticeNames
    .filter((notice) => parts.incident.duties.includes(noticeKinds[notice].duty))
    .map((notice) => {
      const text = `${makers[notice](parts).join('\n').trimEnd()}\n`
      return { notice, text, gaps: gapsIn(text) }
    })
}

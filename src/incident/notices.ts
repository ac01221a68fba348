/**
 * What the law wants reported of an incident, and until when. Times run from when somebody became aware of it:
 *
 * - NIS2, Directive (EU) 2022/2555, article 23(4): early warning within 24 hours, notification within 72 hours, final report
 *   one month after the notification was submitted.
 * - GDPR, Regulation (EU) 2016/679, article 33(1): notification within 72 hours.
 * - AI Act, Regulation (EU) 2024/1689, article 73: 15 days (2); two days for a widespread infringement or a disruption of
 *   critical infrastructure (3); ten days for a death (4).
 *
 * Whether a duty applies is for people to say, so all run unless the incident names fewer.
 */

/** The laws whose clocks may run. */
export const duties = ['nis2', 'gdpr', 'ai-act'] as const
/** One of `duties`. */
export type Duty = (typeof duties)[number]

/** What kind of serious incident it is in the AI Act. */
export const seriousKinds = ['other', 'death', 'disruption'] as const
/** One of `seriousKinds`. */
export type SeriousKind = (typeof seriousKinds)[number]

/** The reports that are due, a closed set: they are a label of metrics. */
export const noticeNames = [
  'nis2-early-warning',
  'nis2-notification',
  'nis2-final-report',
  'gdpr-33',
  'ai-act-73',
] as const
/** One of `noticeNames`. */
export type NoticeName = (typeof noticeNames)[number]

interface NoticeKind {
  readonly duty: Duty
  /** Where the law says it. */
  readonly law: string
  readonly title: string
}

/** What each report is. */
export const noticeKinds: Readonly<Record<NoticeName, NoticeKind>> = {
  'nis2-early-warning': { duty: 'nis2', law: 'NIS2, article 23(4)(a)', title: 'Early warning' },
  'nis2-notification': { duty: 'nis2', law: 'NIS2, article 23(4)(b)', title: 'Incident notification' },
  'nis2-final-report': { duty: 'nis2', law: 'NIS2, article 23(4)(d)', title: 'Final report' },
  'gdpr-33': { duty: 'gdpr', law: 'GDPR, article 33', title: 'Notification of a personal data breach' },
  'ai-act-73': { duty: 'ai-act', law: 'AI Act, article 73', title: 'Report of a serious incident' },
}

/** What decides when reports are due. */
export interface Clocks {
  /** RFC 3339: when somebody became aware of it. */
  readonly aware: string
  readonly duties: readonly Duty[]
  readonly serious: SeriousKind
  readonly sent: readonly { readonly notice: NoticeName; readonly at: string }[]
  readonly closed: object | null
}

/** A report with its clock. */
export interface Notice {
  readonly notice: NoticeName
  readonly law: string
  readonly title: string
  /** RFC 3339. */
  readonly due: string
  readonly sent: string | null
  /** `stopped`: the incident was closed before it was sent. */
  readonly state: 'sent' | 'running' | 'overdue' | 'stopped'
  /** Until it is due, negative once that is over; null unless its clock runs. */
  readonly leftSeconds: number | null
}

const hourMs = 3_600_000
const dayMs = 24 * hourMs
const seriousDays: Readonly<Record<SeriousKind, number>> = { other: 15, death: 10, disruption: 2 }

/** Lists the reports of an incident, in the order in which they are due. */
export function noticesOf(clocks: Clocks, nowMs: number): Notice[] {
  return noticeNames
    .filter((name) => clocks.duties.includes(noticeKinds[name].duty))
    .map((name) => noticeOf(name, clocks, nowMs))
    .toSorted((a, b) => Date.parse(a.due) - Date.parse(b.due))
}

/** Finds the report whose clock runs and that is due first. */
export function nextNotice(notices: readonly Notice[]): Notice | undefined {
  return notices.find(({ state }) => state === 'running' || state === 'overdue')
}

function noticeOf(notice: NoticeName, clocks: Clocks, nowMs: number): Notice {
  const dueMs = dueOf(notice, clocks)
  const sent = sentAt(notice, clocks) ?? null
  const runs = sent === null && clocks.closed === null
  const { law, title } = noticeKinds[notice]
  return {
    ...{ notice, law, title, sent, due: new Date(dueMs).toISOString() },
    state: sent !== null ? 'sent' : !runs ? 'stopped' : nowMs > dueMs ? 'overdue' : 'running',
    leftSeconds: runs ? Math.floor((dueMs - nowMs) / 1000) : null,
  }
}

function dueOf(notice: NoticeName, clocks: Clocks): number {
  const awareMs = Date.parse(clocks.aware)
  switch (notice) {
    case 'nis2-early-warning':
      return awareMs + 24 * hourMs
    case 'nis2-notification':
    case 'gdpr-33':
      return awareMs + 72 * hourMs
    case 'nis2-final-report': {
      // While the notification is not submitted, the latest time for it counts.
      const submitted = sentAt('nis2-notification', clocks)
      return monthAfter(submitted === undefined ? awareMs + 72 * hourMs : Date.parse(submitted))
    }
    case 'ai-act-73':
      return awareMs + seriousDays[clocks.serious] * dayMs
  }
}

function sentAt(notice: NoticeName, { sent }: Clocks): string | undefined {
  return sent.find((each) => each.notice === notice)?.at
}

/** The same day of the next month, or its last day (Regulation 1182/71, article 3(2)(c)). In UTC. */
function monthAfter(ms: number): number {
  const date = new Date(ms)
  const lastDay = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 2, 0)).getUTCDate()
  const day = Math.min(date.getUTCDate(), lastDay)
  return date.setUTCMonth(date.getUTCMonth() + 1, day)
}

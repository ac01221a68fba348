/** When reports are due, by the articles themselves. */
import { describe, expect, it } from 'vitest'
import { incidentView, openedIncident } from '../../src/incident/incident.ts'
import { type Clocks, duties, noticesOf } from '../../src/incident/notices.ts'

const aware = '2026-01-29T10:30:00.000Z'
const clocks: Clocks = { aware, duties: [...duties], serious: 'other', sent: [], closed: null }
const dueOf = (given: Partial<Clocks>, nowMs = Date.parse(aware)) =>
  Object.fromEntries(noticesOf({ ...clocks, ...given }, nowMs).map(({ notice, due }) => [notice, due]))
const statesOf = (given: Partial<Clocks>, now: string) =>
  Object.fromEntries(
    noticesOf({ ...clocks, ...given }, Date.parse(now)).map(({ notice, state }) => [notice, state]),
  )

describe('the clocks of an incident', () => {
  it('count 24 and 72 hours and a month for NIS2, 72 hours for GDPR, 15 days for the AI Act', () => {
    expect(dueOf({})).toEqual({
      'nis2-early-warning': '2026-01-30T10:30:00.000Z',
      'nis2-notification': '2026-02-01T10:30:00.000Z',
      'gdpr-33': '2026-02-01T10:30:00.000Z',
      'ai-act-73': '2026-02-13T10:30:00.000Z',
      'nis2-final-report': '2026-03-01T10:30:00.000Z',
    })
  })

  it('count ten days for a death, and two for a disruption of critical infrastructure', () => {
    expect(dueOf({ serious: 'death' })['ai-act-73']).toBe('2026-02-08T10:30:00.000Z')
    expect(dueOf({ serious: 'disruption' })['ai-act-73']).toBe('2026-01-31T10:30:00.000Z')
  })

  it('count the month of the final report from the notification, to the last day of a shorter month', () => {
    const sent = [{ notice: 'nis2-notification' as const, at: '2026-01-31T08:00:00.000Z' }]
    expect(dueOf({ sent })['nis2-final-report']).toBe('2026-02-28T08:00:00.000Z')
    const leap = [{ notice: 'nis2-notification' as const, at: '2028-01-31T08:00:00.000Z' }]
    expect(dueOf({ sent: leap })['nis2-final-report']).toBe('2028-02-29T08:00:00.000Z')
    const december = [{ notice: 'nis2-notification' as const, at: '2026-12-31T08:00:00.000Z' }]
    expect(dueOf({ sent: december })['nis2-final-report']).toBe('2027-01-31T08:00:00.000Z')
  })

  it('run until the very moment, are overdue afterwards, and stop for what was sent', () => {
    expect(statesOf({}, '2026-01-30T10:30:00.000Z')['nis2-early-warning']).toBe('running')
    expect(statesOf({}, '2026-01-30T10:30:00.001Z')['nis2-early-warning']).toBe('overdue')
    const sent = [{ notice: 'nis2-early-warning' as const, at: '2026-01-29T12:00:00.000Z' }]
    expect(statesOf({ sent }, '2026-01-30T10:30:00.001Z')['nis2-early-warning']).toBe('sent')
    expect(statesOf({ closed: {}, sent }, '2026-03-30T10:30:00.001Z')).toMatchObject({
      'nis2-early-warning': 'sent',
      'gdpr-33': 'stopped',
    })
  })

  it('do not run for duties that the incident does not have', () => {
    expect(Object.keys(dueOf({ duties: ['gdpr'] }))).toEqual(['gdpr-33'])
  })

  it('make an incident overdue, and name the report that is due next', () => {
    const given = { why: 'w', by: 'b', key: null, person: null, frozen: false, since: aware }
    const incident = openedIncident({ ...clocks, ...given, duties: [...duties] }, Date.parse(aware))
    expect(incident.id).toMatch(/^inc-20260129-[0-9a-f]{6}$/)
    expect(incidentView(incident, Date.parse(aware))).toMatchObject({
      state: 'open',
      next: { notice: 'nis2-early-warning', leftSeconds: 86_400 },
    })
    expect(incidentView(incident, Date.parse('2026-01-31T00:00:00Z')).state).toBe('overdue')
    const closed = { ...incident, closed: { at: aware, by: 'b', why: 'w' } }
    expect(incidentView(closed, Date.parse('2026-01-31T00:00:00Z'))).toMatchObject({
      state: 'closed',
      next: null,
    })
  })
})

/** Until when releases of Node get security fixes. Source: https://github.com/nodejs/Release (README.md, schedule.json). */

/** The day after which a major version gets no fixes, by number. Those before 20 are all over. */
export const nodeEndOfLife: Readonly<Record<number, string>> = {
  20: '2026-04-30',
  21: '2024-06-01',
  22: '2027-04-30',
  23: '2025-06-01',
  24: '2028-04-30',
  25: '2026-06-01',
  26: '2029-04-30',
}

/** The first major version that is in the list. */
export const firstListedNode = 20

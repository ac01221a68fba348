/** The agent that files 15,000 tickets. */
import type { Scenario } from './scenario.ts'
import type { Side } from './side.ts'

const most = 15_000
/** After this the count stands for what would have come. */
const longestMs = 30_000
/** How often the agent tries again after it was refused. */
const retries = 100

/** An agent that is told of every ticket and takes the message for a new incident. */
export const tickets: Scenario = {
  name: 'tickets',
  title: 'The agent that files 15,000 tickets',
  story:
    'An agent reads the mail of a help desk and files tickets. Each ticket sends a mail to the help desk. The agent reads that mail.',
  lesson: '`limits.actionsPerMinute` opens the circuit breaker of the agent’s key.',
  async play(side) {
    let filed = 0
    side.servers.answer(() => ({
      text: '',
      calls: [
        { name: 'create_ticket', arguments: { subject: `Incident ${filed + 1}: new ticket ${filed}` } },
      ],
      holds: false,
    }))
    const end = Date.now() + longestMs
    let refused: string | undefined
    while (filed < most && refused === undefined && Date.now() < end) {
      const turn = await side.ask(mailAbout(filed), ['create_ticket'])
      refused = turn.refused
      filed += turn.calls.length
      if (isRound(filed)) side.tell(`${filed} tickets filed.`)
    }
    if (refused === undefined && filed < most)
      side.tell(`Nobody stopped it; we did, after ${longestMs / 1000} s.`)
    if (refused !== undefined) await insist(side, filed, refused)
    return `${filed} tickets filed`
  },
}

/** The agent does not take no for an answer. */
async function insist(side: Side, filed: number, refused: string): Promise<void> {
  side.tell(`After ${filed} tickets the agent is refused: ${refused}.`)
  let passed = 0
  for (let count = 0; count < retries; count++) {
    const turn = await side.ask(mailAbout(filed + count), ['create_ticket'])
    if (turn.refused === undefined) passed++
  }
  side.tell(`It tries ${retries} times more: ${passed} of these requests pass.`)
}

function mailAbout(ticket: number) {
  const content =
    ticket === 0 ? 'Mail: the printer on floor 3 is out of paper.' : `Mail: ticket ${ticket} was filed.`
  return [
    { role: 'system', content: 'You file a ticket for every mail that tells of an incident.' },
    { role: 'user', content },
  ] as const
}

function isRound(filed: number): boolean {
  return filed === 1 || filed === 10 || filed === 100 || filed === 1000 || filed % 5000 === 0
}

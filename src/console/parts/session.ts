/** Who is signed in, for every component below. */
import { createContext } from 'preact'
import { useContext } from 'preact/hooks'
import type { Session } from '../api/types.ts'

/** The session in force. */
export const SessionContext = createContext<Session | null>(null)

/** What somebody may do. The server decides; this only hides what would be refused. */
export type Right = Session['rights'][number]

/** Whether a session has a right. */
export function hasRight({ rights }: Session, right: Right): boolean {
  return rights.includes(right)
}

/** Whether this person may change keys, freezes and more. */
export function useMayChange(): boolean {
  const session = useContext(SessionContext)
  return session !== null && hasRight(session, 'admin')
}

/** Whether this person may decide about tool calls. */
export function useMayApprove(): boolean {
  const session = useContext(SessionContext)
  return session !== null && hasRight(session, 'approve')
}

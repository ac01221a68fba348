/**
 * Approvals of one gateway, in memory and in a file beside the audit log (mode 0600), so that a restart forgets none.
 * The file is replaced before anything is said: a yes that could not be crossed out there is not used.
 */
import { dirname, join } from 'node:path'
import type { Clock } from '../core/clock.ts'
import { replaceFile } from '../files/atomic.ts'
import { readJsonFile } from '../files/json.ts'
import { type Approval, readApproval } from './approval.ts'
import { type ApprovalStatus, type ApprovalStore, maxApprovals, maxEach } from './store.ts'

/** Names the file beside this audit log. */
export function approvalsFile(auditFile: string): string {
  return join(dirname(auditFile), 'approvals.json')
}

/** Approvals in a file that another process may have written, as long as only one of them does at a time. */
export interface FileApprovals extends ApprovalStore {
  /** @throws TypeError if the file is not what it should be */
  readAgain(): void
}

/**
 * Opens the approvals of one gateway.
 * @throws TypeError if the file is not what it should be: who cannot read it might use a yes twice
 */
export function createMemoryApprovals(file: string, clock: Clock): FileApprovals {
  let known = readApprovals(file)
  const listeners: (() => void)[] = []
  const isOver = ({ until }: Approval) => clock.wallMs() >= until

  const write = (next: ReadonlyMap<string, Approval>) => {
    replaceFile(file, `${JSON.stringify([...next.values()], null, 1)}\n`)
    known = next
  }
  const without = ({ digest }: Approval) => new Map([...known].filter(([each]) => each !== digest))

  const ask = (approval: Approval, validMs: number): ApprovalStatus => {
    const own = [...known.values()].filter(({ holder }) => holder === approval.holder)
    if (known.size >= maxApprovals || own.length >= maxEach) return { kind: 'full' }
    const now = clock.wallMs()
    const asked = { ...approval, asked: now, until: now + validMs }
    write(new Map(known).set(asked.digest, asked))
    return { kind: 'pending', approval: asked, fresh: true }
  }

  return {
    readAgain() {
      known = readApprovals(file)
    },
    async take(approval, validMs) {
      const found = known.get(approval.digest)
      const over = found && isOver(found) ? found : undefined
      if (over) write(without(over))
      if (!found || over) return [validMs === undefined ? { kind: 'gone' } : ask(approval, validMs), over]
      if (found.state === 'denied') return [{ kind: 'denied', approval: found }, undefined]
      if (found.state === 'pending') return [{ kind: 'pending', approval: found, fresh: false }, undefined]
      write(without(found))
      return [{ kind: 'passed', approval: found }, undefined]
    },
    async decide(id, decision) {
      const found = [...known.values()].find((each) => each.id === id)
      if (!found || isOver(found)) return { kind: 'unknown' }
      if (found.state !== 'pending') return { kind: 'decided' }
      const approval = { ...found, ...decision }
      write(new Map(known).set(approval.digest, approval))
      for (const tell of listeners) tell()
      return { kind: 'done', approval }
    },
    list: async () => [...known.values()].filter((each) => !isOver(each)),
    async sweep() {
      const overs = [...known.values()].filter(isOver)
      if (overs.length > 0) write(new Map([...known].filter(([, each]) => !isOver(each))))
      return overs
    },
    onNews: (listener) => void listeners.push(listener),
    close() {},
  }
}

function readApprovals(path: string): ReadonlyMap<string, Approval> {
  const entries = readJsonFile(path, 'approvals', (value) => {
    if (!Array.isArray(value)) return undefined
    const found = value.map(readApproval).filter((each) => each !== undefined)
    return found.length === value.length ? found : undefined
  })
  return new Map(entries?.map((each) => [each.digest, each]))
}

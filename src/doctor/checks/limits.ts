/** What the gateway may open and hold. */
import { openFilesProblem } from '../../files/open-files.ts'
import type { Check, Facts } from '../facts.ts'
import type { Outcome } from '../finding.ts'

const maxShare = 0.75
const mebibyte = 1024 ** 2

/** Judges the limits of the gateway's process on files and memory. */
export const limits: Check = (facts) => [...openFiles(facts), ...memory(facts)]

function openFiles({ openFiles: read }: Facts): Outcome[] {
  const id = 'open-files'
  if ('why' in read) return [{ id, why: read.why }]
  const { limit, isGateway } = read.value
  if (openFilesProblem(limit) === undefined) return []
  return [
    {
      id,
      severity: 'medium',
      what: `${isGateway ? 'The gateway' : 'A program started here'} may open only ${limit} files at once.`,
      why: 'Each request takes two; beyond that requests are refused with `overloaded`.',
      fix: 'systemd: LimitNOFILE=65536; Docker: --ulimit nofile=65536; shell: ulimit -n 65536',
    },
  ]
}

function memory({ policy: { memoryBudgetBytes }, memoryBytes }: Facts): Outcome[] {
  if (memoryBudgetBytes === undefined || memoryBudgetBytes <= memoryBytes * maxShare) return []
  return [
    {
      id: 'memory',
      severity: 'medium',
      what: `\`memory.budget\` is ${Math.floor(memoryBudgetBytes / mebibyte)} MiB, and the gateway may use ${Math.floor(memoryBytes / mebibyte)} MiB in all.`,
      why: 'Before the gateway refuses requests for its budget, the system ends it, with all running requests.',
      fix: 'Remove `memory.budget` from the policy, or give the gateway more memory (MemoryMax=, mem_limit).',
    },
  ]
}

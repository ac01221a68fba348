/**
 * What of the prompt guard's findings counts for nothing, because an operator has accepted the passage that they stand in
 * or the signature. Told with every finding that it lets pass.
 */
import { createDigestPassage } from '../../audit/write/passages.ts'
import type { Clock } from '../../core/clock.ts'
import { matchesGlob } from '../../core/glob.ts'
import { describeError } from '../../core/refusal.ts'
import type { Channel, Finding } from '../../core/text.ts'
import { createPassages, indexAt, passageForm } from '../../detect/injection/passage.ts'
import { type Exception, type Exceptions, isOver } from '../../policy/exceptions.ts'
import type { Log } from '../../telemetry/log.ts'
import type { Part } from './join-messages.ts'

/** A finding, with what an exception may be made of. */
export interface Located extends Finding {
  readonly tool: string | undefined
  readonly passage: string | undefined
  /** Id of the exception that it falls under. */
  readonly exception: string | undefined
}

/** A text with its findings. */
export interface Passages {
  readonly channel: Channel
  readonly text: string
  readonly findings: readonly Finding[]
  readonly parts: readonly Part[]
}

/** @returns the findings of a text, in their order, and the work it took */
export type Locate = (
  passages: Passages,
  exceptions: Exceptions,
) => { readonly found: readonly Located[]; readonly work: number }

/** Of one text; what is behind them has no digest, and no exception but by its signature. */
const maxPassages = 256

/** @param keysFile beside which the key of the digests lies */
export function createLocate(keysFile: string, clock: Clock, log: Pick<Log, 'warn'>): Locate {
  const digest = createDigestPassage(keysFile, (error) =>
    log.warn(
      { cause: describeError(error) },
      'cannot read the key for passage digests, so no exception applies',
    ),
  )
  return ({ channel, text, findings, parts }, { entries }) => {
    const now = clock.wallMs()
    const open = entries.filter((each) => each.channel === channel && !isOver(each, now))
    const byWhat = new Map<string, Exception[]>()
    for (const each of open) {
      const key = keyOf(each.passage, each.signature)
      byWhat.set(key, [...(byWhat.get(key) ?? []), each])
    }
    const joints = parts.map(({ at }) => at)
    const passageAt = createPassages(text, joints)
    const digests = new Map<string, string | undefined>()
    let work = text.length
    /** Findings that overlap have passages that do. */
    const limit = 8 * text.length
    const digestOf = (finding: Finding) => {
      const { start, end } = passageAt(finding)
      const key = `${start} ${end}`
      if (!digests.has(key) && digests.size < maxPassages && work + end - start <= limit) {
        work += end - start
        digests.set(key, digest(passageForm(text.slice(start, end))))
      }
      return digests.get(key)
    }
    /** Undefined: none, or more than one. */
    const toolOf = ({ start, end }: Finding) => {
      const first = indexAt(joints, start)
      return first === indexAt(joints, Math.max(start, end - 1)) ? parts[first]?.tool : undefined
    }
    const found = findings.map((finding): Located => {
      const tool = toolOf(finding)
      const passage = digestOf(finding)
      const ofPassage = passage === undefined ? [] : (byWhat.get(keyOf(passage, undefined)) ?? [])
      const candidates = [...ofPassage, ...(byWhat.get(keyOf(undefined, finding.id)) ?? [])]
      return { ...finding, tool, passage, exception: candidates.find((each) => isFor(each, tool))?.id }
    })
    return { found, work }
  }
}

function keyOf(passage: string | undefined, signature: string | undefined): string {
  return passage === undefined ? `signature ${signature}` : `passage ${passage}`
}

function isFor({ tool: wanted }: Exception, tool: string | undefined): boolean {
  return wanted === undefined || (tool !== undefined && matchesGlob(wanted, tool))
}

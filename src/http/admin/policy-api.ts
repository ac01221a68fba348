/**
 * The policy in the admin API. It is changed in its file only; another one can be tried.
 *
 *     GET  /admin/v1/policy       the policy in force without its secrets, its warnings, the last reload, the file on disk
 *     POST /admin/v1/policy/try   { text }: errors and warnings of a policy, and the requests of the last day judged by it
 */
import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import Value from 'typebox/value'
import type { ReplayReport } from '../../pipeline/replay/report.ts'
import type { Policy } from '../../policy/policy.ts'
import { PolicyError, type Problem } from '../../policy/problem.ts'
import { redactPolicy } from '../../policy/redact.ts'
import type { TriedPolicy } from '../../policy/try.ts'
import { refuse } from './admin-replies.ts'

/** What the routes need. */
export interface PolicyApiParts {
  /** Path of the policy file, as it was given. */
  readonly file: string
  policy(): Policy
  inForce(): { readonly text: string; readonly loadedAt: string }
  warnings(): readonly string[]
  lastReload(): { readonly at: string; readonly ok: boolean; readonly problems: readonly string[] }
  /** Reads the file on disk. @throws PolicyError if it cannot be taken */
  readFile(): { readonly text: string; readonly warnings: readonly Problem[] }
  /** The text on disk, whatever is wrong with it; undefined: it cannot be read. */
  textOnDisk(): string | undefined
  /** Compiles a pasted policy. @throws PolicyError */
  compile(text: string): TriedPolicy
  /** Judges the requests since then. @param isOver whether nobody waits for it any more */
  replay(policy: Policy, sinceMs: number, isOver: () => boolean): Promise<ReplayReport>
  nowMs(): number
}

const dayMs = 86_400_000
/** Of a policy, in bytes and about as many characters. */
const maxText = 1024 * 1024
/** A log of a day may be long: what was judged by then is told. */
const maxReplayMs = 60_000

const tryBody = Type.Object({ text: Type.String({ maxLength: maxText }) }, { additionalProperties: false })

/** Registers the routes. */
export function registerPolicyApi(app: FastifyInstance, parts: PolicyApiParts): void {
  app.get('/admin/v1/policy', async () => {
    const { text, loadedAt } = parts.inForce()
    return {
      file: parts.file,
      version: parts.policy().version,
      loadedAt,
      text: redactPolicy(text),
      warnings: parts.warnings(),
      lastReload: parts.lastReload(),
      onDisk: onDisk(parts, text),
    }
  })

  /** It is a second of work, and more where the log is long. */
  let isTrying = false
  app.post('/admin/v1/policy/try', { bodyLimit: 2 * maxText }, async ({ body, raw }, reply) => {
    if (!Value.Check(tryBody, body))
      return refuse(reply, `The body must be JSON with text, which has at most ${maxText} characters.`)
    if (isTrying)
      return reply.code(429).send({ error: 'Another policy is being tried. Try again when it is done.' })
    isTrying = true
    try {
      return await tried(parts, body.text, () => raw.socket.destroyed)
    } finally {
      isTrying = false
    }
  })
}

function onDisk(parts: PolicyApiParts, inForce: string) {
  const text = parts.textOnDisk()
  const same = text === inForce
  if (text === undefined) return { text: null, same, problems: [] }
  try {
    parts.readFile()
    return { text: redactPolicy(text), same, problems: [] }
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error
    return { text: redactPolicy(text), same, problems: error.problems.map(placed) }
  }
}

async function tried(parts: PolicyApiParts, text: string, hasLeft: () => boolean) {
  let policy: TriedPolicy
  try {
    policy = parts.compile(text)
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error
    const { problems, warnings } = error
    return { ok: false, problems: problems.map(placed), warnings: warnings.map(placed), judged: null }
  }
  const untilMs = parts.nowMs() + maxReplayMs
  const isLate = () => parts.nowMs() >= untilMs
  const report = await parts.replay(policy.policy, parts.nowMs() - dayMs, () => hasLeft() || isLate())
  const { judged, unknown, ...rest } = report
  return {
    ok: true,
    problems: [],
    warnings: policy.warnings.map(placed),
    judged: { requests: judged + unknown, judged, unknown, complete: !isLate(), ...rest },
  }
}

function placed({ line, column, message }: Problem) {
  return { line, column, message }
}

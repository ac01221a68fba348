/** What `approvals`, `approve` and `deny` share: asking the running gateway, as who. */
import { keyId } from '../../auth/api-keys/key.ts'
import { readSecret } from '../../files/secret-file.ts'
import { urlOf } from '../../policy/address.ts'
import { loadPolicy } from '../../policy/load.ts'
import {
  adminOption,
  type ExitCode,
  type Io,
  type Option,
  textOf,
  UsageError,
  type Values,
} from '../command.ts'

const answerMs = 5000

export const askingOptions: readonly Option[] = [
  { flags: '--key-file <file>', description: 'file with your own key, if the policy names approvers' },
  adminOption,
]

/** What the admin API tells of one. */
export interface ShownApproval {
  readonly id: string
  readonly state: string
  readonly identity: { readonly id: string; readonly name: string; readonly role: string }
  /** The key that it counts for. */
  readonly holder: string
  readonly tool: string
  /** Which asked; null: that is not known. */
  readonly request: string | null
  readonly arguments: string
  readonly model: string
  readonly until: string
  /** The policy has changed since. */
  readonly outdated?: boolean
  readonly by: string | null
  readonly why: string | null
}

/** @returns what it answers, or undefined after saying why not. @throws UsageError */
export async function askGateway(values: Values, io: Io, path: string, body?: object): Promise<unknown> {
  const { admin } = loadPolicy(textOf(values, 'config'), io.variables).policy
  const credential = keyOf(textOf(values, 'keyFile')) ?? admin.token
  if (body !== undefined && credential === undefined)
    throw new UsageError('This needs `admin.token` in the policy, or --key-file with the key of an approver.')
  const base = textOf(values, 'admin') || urlOf('http', admin)
  const response = await fetch(`${base}/admin/v1/approvals${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      ...(credential === undefined ? {} : { authorization: `Bearer ${credential}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(answerMs),
  }).catch(() => undefined)
  const answer: unknown = await response?.json().catch(() => undefined)
  if (response?.ok) return answer
  const error = typeof answer === 'object' && answer !== null && 'error' in answer ? `: ${answer.error}` : ''
  io.err(`${base} ${response ? `answers ${response.status}${error}` : 'does not answer'}\n`)
  return undefined
}

export async function decide(
  values: Values,
  io: Io,
  id: string,
  word: 'approve' | 'deny',
): Promise<ExitCode> {
  if (!/^ap_[0-9a-f]+$/.test(id))
    throw new UsageError('This is not an approval id. Run `torwart approvals` to see ids.')
  const why = textOf(values, 'why')
  if (word === 'deny' && why.trim() === '') throw new UsageError('Give the reason: --why.')
  const by = textOf(values, 'by') || io.user
  const answer = await askGateway(values, io, `/${id}/${word}`, { by, ...(why === '' ? {} : { why }) })
  if (answer === undefined) return 1
  io.out(`${sentence(answer as ShownApproval)}\n`)
  return 0
}

export function sentence(approval: ShownApproval) {
  const { id, state, identity, holder, request, tool, arguments: given, model, until, by } = approval
  const token = holder === identity.id || holder === '' ? '' : `${holder}, token `
  const whose = `${identity.name} (${identity.role}, key ${token}${identity.id})`
  const stands = state === 'pending' ? `waits until ${until}` : `${state} by ${by}, holds until ${until}`
  const how = approval.outdated ? `${stands}, but the policy has changed: the call must be retried` : stands
  const asked = request === null ? '' : `asked in request ${request}, `
  return visible(`${id}  ${whose} with ${model}: ${tool} ${given}  ${asked}${how}`)
}

/** Whoever decides must see what there is: no character may hide, turn round or overwrite others on a terminal. */
function visible(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}]/gu,
    (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`,
  )
}

/** @throws UsageError */
function keyOf(file: string): string | undefined {
  if (file === '') return undefined
  try {
    const key = readSecret(file)
    if (keyId(key) !== undefined) return key
  } catch {
    throw new UsageError(`${file} cannot be read.`)
  }
  throw new UsageError(`${file} holds no key.`)
}

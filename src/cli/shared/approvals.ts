/** What `approvals`, `approve` and `deny` share: the approvals API, called with the credential of whoever decides. */
import { readFileSync } from 'node:fs'
import { keyId } from '../../auth/api-keys/key.ts'
import { loadPolicy } from '../../policy/load.ts'
import { type Io, textOf, UsageError, type Values } from '../command.ts'
import { adminTarget, callAdmin } from './admin-client.ts'
import { visible } from './visible.ts'

const timeoutMs = 5000

/** An approval as the admin API shows it. */
export interface ApprovalView {
  readonly id: string
  readonly state: string
  readonly identity: { readonly id: string; readonly name: string; readonly role: string }
  /** Id of the key that the call counts for. */
  readonly holder: string
  readonly tool: string
  /** Id of the request that made the call; null: unknown. */
  readonly request: string | null
  readonly arguments: string
  readonly model: string
  /** RFC 3339. */
  readonly until: string
  /** True if the policy has changed since. */
  readonly outdated?: boolean
  readonly by: string | null
  readonly why: string | null
}

/**
 * Calls the approvals API of the running gateway, with the key in `--key-file` or else the admin token.
 * @param body what to post; absent: GET
 * @returns what it answers, or undefined after the user was told why there is nothing
 * @throws UsageError if a decision has no credential
 */
export async function callApprovals<T>(
  values: Values,
  io: Io,
  path: string,
  body?: object,
): Promise<T | undefined> {
  const { admin } = loadPolicy(textOf(values, 'config'), io.variables).policy
  const credential = keyIn(textOf(values, 'keyFile')) ?? admin.token
  if (body !== undefined && credential === undefined)
    throw new UsageError('This needs `admin.token` in the policy, or --key-file with the key of an approver.')
  const target = adminTarget(values, admin, credential)
  const { answer } = await callAdmin<T>(io, target, { path: `/approvals${path}`, body, timeoutMs })
  return answer
}

/** Describes an approval in one line. */
export function approvalInWords(approval: ApprovalView): string {
  const { id, state, identity, holder, request, tool, arguments: given, model, until, by } = approval
  const token = holder === identity.id || holder === '' ? '' : `${holder}, token `
  const caller = `${identity.name} (${identity.role}, key ${token}${identity.id})`
  const standing = state === 'pending' ? `waits until ${until}` : `${state} by ${by}, valid until ${until}`
  const outdated = approval.outdated ? ', but the policy has changed: the call must be retried' : ''
  const asked = request === null ? '' : `asked in request ${request}, `
  return visible(`${id}  ${caller} with ${model}: ${tool} ${given}  ${asked}${standing}${outdated}`)
}

/** @throws UsageError if the file cannot be read or holds no key */
function keyIn(file: string): string | undefined {
  if (file === '') return undefined
  try {
    const key = readFileSync(file, 'utf8').trim()
    if (keyId(key) !== undefined) return key
  } catch {
    throw new UsageError(`${file} cannot be read.`)
  }
  throw new UsageError(`${file} holds no key.`)
}

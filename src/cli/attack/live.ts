/** The gateway that people use, attacked with one key and only after a yes. */
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { AttackClient } from '../../attack/client.ts'
import type { OpenStage } from '../../attack/run.ts'
import { type Subject, subjectOf } from '../../attack/subject.ts'
import { keyId, mintKey } from '../../auth/api-keys/key.ts'
import { readKeyFile } from '../../auth/api-keys/key-file.ts'
import { isObject, objectsIn, tryJson } from '../../core/json.ts'
import { roleFor } from '../../policy/canary.ts'
import type { Policy } from '../../policy/policy.ts'
import { type Io, textOf, UsageError, type Values } from '../command.ts'

/** A gateway that is attacked while people use it. */
export interface Live {
  /** Without a slash at its end. */
  readonly url: string
  readonly key: string
  readonly subject: Subject
}

/** Finds out what is attacked, and as whom. @throws UsageError */
export async function liveGateway(values: Values, policy: Policy): Promise<Live> {
  const given = textOf(values, 'against')
  if (!URL.canParse(given) || !/^https?:$/.test(new URL(given).protocol))
    throw new UsageError('--against must be the http or https URL of a gateway.')
  const url = given.replace(/\/+$/, '')
  const key = keyIn(textOf(values, 'keyFile'))
  const entry = readKeyFile(policy.keysFile).find(({ id }) => id === keyId(key))
  const role = entry && roleFor(policy.roles, entry.role, entry.id)
  if (!role)
    throw new UsageError(
      'The key is not in the key file of the policy. Name the policy of the gateway that is attacked with -c.',
    )
  const subject = subjectOf(policy, role)
  const [model, otherModel] = await modelsAt(url, key)
  if (model === undefined) throw new UsageError(`${given} lists no model for this key, or does not answer.`)
  const found = [
    ['model', model] as const,
    ...(otherModel === undefined ? [] : [['otherModel', otherModel] as const]),
  ]
  return { url, key, subject: { ...subject, values: new Map([...subject.values, ...found]) } }
}

/** Opens the stage. */
export function openLive({ url, key }: Live): OpenStage {
  const client = new AttackClient()
  return {
    stage: {
      kind: 'live',
      gate: url,
      admin: undefined,
      servers: undefined,
      client,
      lastAction: () => undefined,
    },
    keysFor: () => ({ key, wrongKey: mintKey().key }),
    close: async () => client.close(),
  }
}

/** Asks whether the gateway may be attacked. @throws UsageError without a yes */
export async function requireYes(values: Values, io: Io, url: string): Promise<void> {
  if (values.yes === true) return
  if (!io.terminal)
    throw new UsageError('--against attacks a gateway that people use: confirm it with --yes.')
  io.err(
    `This sends some 200 hostile requests to ${url}. They are recorded, use up the key's limits, and may raise alarms.\nAttack it? Type yes: `,
  )
  const lines = createInterface({ input: io.input })
  try {
    const [answer = ''] = await new Promise<string[]>((resolve) => {
      lines.once('line', (line) => resolve([line]))
      lines.once('close', () => resolve([]))
    })
    if (answer.trim().toLowerCase() !== 'yes') throw new UsageError('Nothing was attacked.')
  } finally {
    lines.close()
  }
}

function keyIn(file: string): string {
  if (file === '') throw new UsageError('--against needs --key-file with a key of the gateway.')
  try {
    return readFileSync(file, 'utf8').trim()
  } catch {
    throw new UsageError(`--key-file: ${file} cannot be read.`)
  }
}

async function modelsAt(url: string, key: string): Promise<readonly string[]> {
  const client = new AttackClient()
  try {
    const { text } = await client.send(url, {
      method: 'GET',
      path: '/v1/models',
      headers: ['Authorization', `Bearer ${key}`],
      body: undefined,
    })
    const list = tryJson(text)
    return isObject(list) ? objectsIn(list.data).map(({ id }) => String(id)) : []
  } finally {
    client.close()
  }
}

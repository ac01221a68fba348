/** What tests of `torwart attack` share: the shipped suite, and a model server without a gateway. */
import { readdirSync, readFileSync } from 'node:fs'
import { AttackClient } from '../../src/attack/client.ts'
import { startObservedServers } from '../../src/attack/observed-server.ts'
import type { OpenStage } from '../../src/attack/run.ts'
import { type Subject, servedModels, subjectOf } from '../../src/attack/subject.ts'
import type { Suite } from '../../src/attack/suite/attack.ts'
import { readSuite } from '../../src/attack/suite/read-suite.ts'
import { loadPolicy } from '../../src/policy/load.ts'
import type { Policy } from '../../src/policy/policy.ts'

const folder = 'config/attacks'

/** The suite that ships. */
export function shippedSuite(): Suite {
  const files = readdirSync(folder).filter((name) => name.endsWith('.yaml'))
  return readSuite(files.map((file) => ({ file, bytes: readFileSync(`${folder}/${file}`) })))
}

/** The roles of a policy, as they are attacked. */
export function subjectsOf(file: string): { policy: Policy; subjects: readonly Subject[] } {
  const { policy } = loadPolicy(file, {})
  return { policy, subjects: [...policy.roles.values()].map((role) => subjectOf(policy, role)) }
}

/** The model server, reachable by everybody. */
export async function openDirect(policy: Policy): Promise<OpenStage> {
  const servers = await startObservedServers(1, servedModels(policy))
  const client = new AttackClient()
  return {
    stage: {
      kind: 'direct',
      gate: servers.urls[0] ?? '',
      admin: undefined,
      servers,
      client,
      lastAction: () => undefined,
    },
    keysFor: () => ({
      key: 'tw_a',
      revokedKey: 'tw_b',
      expiredKey: 'tw_c',
      wrongKey: 'tw_d',
      approverKey: '',
    }),
    async close() {
      client.close()
      await servers.close()
    },
  }
}

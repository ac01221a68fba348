/** Two gateways of one process, of which the second takes over from the first. They share no listening socket. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chainsOf } from '../../src/audit/chains.ts'
import { mintKey } from '../../src/auth/api-keys/key.ts'
import { writeKeyFile } from '../../src/auth/api-keys/key-file.ts'
import { startGateway } from '../../src/server/gateway.ts'
import type { Predecessor, Successor } from '../../src/server/part.ts'
import type { Gateway } from '../../src/server/running-gateway.ts'
import type { Port } from '../../src/workers/channel.ts'
import { entryOf, type GateSettings, gatewayOptions, policyText } from './gate.ts'

/** What the new gateway cannot ask for, so that it ends. */
export type Fails = 'upgrade.log' | 'upgrade.state' | 'upgrade.clients'

export interface Upgradable {
  readonly policyFile: string
  readonly auditFile: string
  readonly before: Gateway
  /** Everything that both log. */
  logged(): string
  /** Has the next gateway take over. @returns it, once it listens */
  upgrade(): Promise<Gateway>
  /** Has the next gateway end with an error where it would ask for this. */
  failAt(step: Fails): void
  post(gateway: Gateway, body?: object): Promise<Response>
  /** Every record of every chain, with the name of its chain. */
  records(): readonly (Record<string, unknown> & { readonly chain: string })[]
  /** Resolves when the first gateway has ended. */
  ended(): Promise<void>
  /** Stops all. */
  close(): Promise<void>
}

/** Two ends of a connection: what is sent arrives in a later turn, as JSON. */
function connection() {
  const hearing: ((message: unknown) => void)[][] = [[], []]
  const gone: (() => void)[][] = [[], []]
  const portAt = (own: 0 | 1): Port => ({
    send(message) {
      const text = JSON.stringify(message)
      setImmediate(() => {
        for (const hear of hearing[1 - own] ?? []) hear(JSON.parse(text))
      })
    },
    onMessage: (listener) => void hearing[own]?.push(listener),
  })
  return {
    portAt,
    onGone: (own: 0 | 1, listener: () => void) => void gone[own]?.push(listener),
    /** One side leaves. */
    leave(own: 0 | 1) {
      for (const tell of gone[1 - own]?.splice(0) ?? []) tell()
    },
  }
}

export async function startUpgradable(settings: GateSettings): Promise<Upgradable> {
  const folder = mkdtempSync(join(tmpdir(), 'torwart-upgrade-'))
  const [policyFile, auditFile] = [join(folder, 'torwart.yaml'), join(folder, 'audit.jsonl')]
  writeFileSync(policyFile, policyText(settings))
  const { id, key } = mintKey()
  writeKeyFile(join(folder, 'keys.yaml'), [entryOf(key, id)])
  let logText = ''
  const options = gatewayOptions(policyFile, (line) => {
    logText += line
  })
  const started: Promise<Gateway>[] = []
  let failsAt: Fails | undefined
  const startSuccessor = (): Successor => {
    const { portAt, onGone, leave } = connection()
    const [ours, theirs] = [portAt(0), portAt(1)]
    const predecessor: Predecessor = {
      ...theirs,
      send(message) {
        const { asked } = message as { readonly asked: readonly [number, string][] }
        const [id] = asked.find(([, name]) => name === failsAt) ?? []
        if (id === undefined) theirs.send(message)
        else ours.send({ asked: [], answered: [[id, null, { message: 'it fails' }]] })
      },
      onGone: (listener) => onGone(1, listener),
    }
    const next = startGateway({ ...options, predecessor })
    next.catch(() => leave(1))
    started.push(next)
    return {
      ...ours,
      pid: 1,
      kill: () => leave(1),
      onExit: (listener) => onGone(0, listener),
      leave: () => leave(0),
    }
  }
  const before = await startGateway({ ...options, startSuccessor })
  let ended: Promise<void> | undefined
  const end = () => {
    ended ??= before.close()
    return ended
  }
  return {
    ...{ policyFile, auditFile, before, ended: end, logged: () => logText },
    async upgrade() {
      before.upgrade()
      const next = await started.at(-1)
      if (!next) throw new Error('no gateway was started')
      await before.replaced
      return next
    },
    failAt(step) {
      failsAt = step
    },
    post: (gateway, body = {}) =>
      fetch(`${gateway.data}/api/chat`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        body: JSON.stringify({
          ...{ model: 'smollm2:135m', stream: false, messages: [{ role: 'user', content: 'hi' }] },
          ...body,
        }),
      }),
    records: () =>
      chainsOf(auditFile).flatMap((chain) =>
        readFileSync(chain, 'utf8')
          .split('\n')
          .filter(Boolean)
          .map((line) => ({ chain: chain.slice(auditFile.length + 1), ...(JSON.parse(line) as object) })),
      ),
    async close() {
      if (failsAt === undefined) for (const each of started) await (await each).close()
      await end()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

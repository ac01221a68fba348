/**
 * Hands a running gateway over to a new version of the program, which this one starts with its listening sockets. The new
 * one asks, one after the other, for
 *
 * - the audit log (`upgrade.log`): this gateway goes on in a chain beside it, and still answers;
 * - the state (`upgrade.state`), when it is ready to listen: from now on this gateway counts and asks there;
 * - the clients (`upgrade.clients`), when it listens: this gateway accepts no more connections, finishes and ends.
 *
 * If the new one ends before the last step, this one takes everything back and serves on.
 */
import { isIP } from 'node:net'
import { describeError } from '../core/refusal.ts'
import type { InheritedSockets } from '../http/sockets/inherited.ts'
import { listeningDescriptor } from '../http/sockets/own.ts'
import type { Address } from '../policy/policy.ts'
import { type Channel, openChannel } from '../workers/channel.ts'
import type { Foundation } from './foundation.ts'
import type { Processes, Successor } from './part.ts'
import type { Services } from './services.ts'

/** How long the new gateway has until it accepts connections. */
const maxStartMs = 120_000

/** What it takes to hand a gateway over. */
export interface HandOverParts {
  readonly processes: Processes
  readonly foundation: Foundation
  readonly services: Services
  /** URLs on which it listens. */
  readonly urls: { readonly data: string; readonly admin: string }
  /** Ends what only one gateway may do: tell commands where it is, answer operators. */
  onReplaced(): void
}

/** The hand-over of a gateway; there may be several attempts, until one succeeds. */
export class HandOver {
  readonly #parts: HandOverParts
  #attempt: Attempt | undefined
  #settled: Promise<void> = Promise.resolve()
  #resolveReplaced: (() => void) | undefined
  /** Resolves when another gateway accepts the connections. */
  readonly replaced = new Promise<void>((resolve) => {
    this.#resolveReplaced = resolve
  })
  isReplaced = false

  constructor(parts: HandOverParts) {
    this.#parts = parts
  }

  /** Starts the new gateway. Does not throw: what keeps it from that is logged. */
  begin(): void {
    const { processes, foundation } = this.#parts
    const { log } = foundation
    if (this.#attempt) {
      log.warn('an upgrade is under way already')
      return
    }
    try {
      const sockets = this.#sockets()
      if (!processes.startSuccessor) throw new Error('this process cannot start another one')
      const successor = processes.startSuccessor(sockets)
      log.info({ successor: successor.pid }, 'upgrade: the new gateway starts')
      const attempt = new Attempt(this.#parts, successor)
      this.#attempt = attempt
      this.#settled = attempt.outcome.then((isReplaced) => this.#ended(isReplaced))
    } catch (error) {
      log.error({ cause: describeError(error) }, 'this gateway cannot be upgraded while it runs')
    }
  }

  /** Resolves when no attempt is under way. */
  settled(): Promise<void> {
    return this.#settled
  }

  /** Ends the connection to the new gateway, once the last request is settled there. */
  leave(): void {
    this.#attempt?.leave()
  }

  #ended(isReplaced: boolean): void {
    this.isReplaced = isReplaced
    if (!isReplaced) this.#attempt = undefined
    else this.#resolveReplaced?.()
  }

  /** @throws Error if this process does not know them */
  #sockets(): Required<InheritedSockets> {
    const { processes, foundation, urls } = this.#parts
    const { sockets = {} } = processes
    const { listen, admin } = foundation.atStart
    return {
      data: sockets.data ?? descriptorAt(urls.data, listen),
      admin: sockets.admin ?? descriptorAt(urls.admin, admin),
    }
  }
}

/** @throws Error if it is not known */
function descriptorAt(url: string, { host, socketPath }: Address): number {
  // Node removes the file of a Unix socket with the server that opened it.
  if (socketPath !== undefined) throw new Error('a Unix socket can be handed over only if systemd holds it')
  if (isIP(host) === 0)
    throw new Error(`${host} may be several sockets: give the listener an IP address in the policy`)
  const { port, protocol } = new URL(url)
  const descriptor = listeningDescriptor({ host, port: Number(port || (protocol === 'https:' ? 443 : 80)) })
  if (descriptor === undefined)
    throw new Error('this system does not tell which descriptors are the listening sockets')
  return descriptor
}

/** One try. */
class Attempt {
  readonly #parts: HandOverParts
  readonly #successor: Successor
  readonly #channel: Channel
  /** How far it came. */
  #step: 'none' | 'log' | 'state' | 'clients' = 'none'
  /** Whether the new gateway has taken over. Resolves once, when that is known and what it had is taken back. */
  readonly outcome: Promise<boolean>

  constructor(parts: HandOverParts, successor: Successor) {
    this.#parts = parts
    this.#successor = successor
    this.#channel = openChannel(successor, {})
    this.outcome = new Promise((resolve) => {
      const late = setTimeout(() => successor.kill(), maxStartMs)
      late.unref()
      this.#channel.answer({
        'upgrade.log': () => this.#giveLog(),
        'upgrade.state': () => this.#giveState(),
        'upgrade.clients': () => {
          clearTimeout(late)
          this.#giveClients()
          resolve(true)
        },
      })
      successor.onExit(() => {
        clearTimeout(late)
        void this.#takeBack().then(() => resolve(false))
      })
    })
  }

  leave(): void {
    this.#channel.close()
    this.#successor.leave()
  }

  async #giveLog(): Promise<void> {
    await this.#parts.foundation.logKeeper.leave()
    this.#step = 'log'
  }

  #giveState() {
    this.#step = 'state'
    return this.#parts.services.shared.succession?.leaveTo(this.#channel)
  }

  #giveClients(): void {
    const { foundation, services } = this.#parts
    this.#step = 'clients'
    services.anomalies.leave()
    void services.changes.close()
    this.#parts.onReplaced()
    foundation.log.info(
      { successor: this.#successor.pid },
      'upgrade: the new gateway accepts all connections',
    )
  }

  /** The new gateway is gone. Never rejects. */
  async #takeBack(): Promise<void> {
    const { foundation, services } = this.#parts
    const { log, logKeeper, recordEvent } = foundation
    const step = this.#step
    this.#channel.close()
    if (step === 'state' || step === 'clients') services.shared.succession?.takeBack()
    // Whoever starts it anew takes the log up; this gateway has no more than its last requests.
    if (step === 'clients') return
    log.error('upgrade: the new gateway ended before it accepted connections; this one serves on')
    try {
      if (step !== 'none') await logKeeper.takeBack()
      recordEvent('upgrade failed', {})
    } catch (error) {
      log.error(
        { cause: describeError(error) },
        'cannot take the audit log up again; records go on beside it',
      )
    }
  }
}

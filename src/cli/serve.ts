/** `torwart serve`: runs the gateway. */

import { EventEmitter, once } from 'node:events'
import { openFilesLimit, openFilesProblem } from '../files/open-files.ts'
import { parseAddress } from '../policy/address.ts'
import { loadPolicy } from '../policy/load.ts'
import { type Gateway, startGateway } from '../server/gateway.ts'
import { createLog, type Log } from '../telemetry/log.ts'
import {
  type Command,
  configOption,
  type ExitCode,
  type Io,
  textOf,
  UsageError,
  type Values,
} from './command.ts'

/** The command `torwart serve`. */
export const serve: Command = {
  options: [
    configOption,
    { flags: '--listen <host:port>', description: 'data listener, instead of the address in the policy' },
    { flags: '--admin <host:port>', description: 'admin listener, instead of the address in the policy' },
    {
      flags: '--pid-file <file>',
      description: 'file with the number of the process that serves, also after an upgrade',
    },
  ],
  async run(values, io): Promise<ExitCode> {
    const policyFile = textOf(values, 'config')
    const listen = addressOption(values, 'listen')
    const admin = addressOption(values, 'admin')
    const { policy } = loadPolicy(policyFile, io.variables)
    const { parent } = io.family ?? {}
    const log = createLog(policy.logLevel, undefined, parent ? { worker: parent.worker } : null)
    const signals = hearSignals(io)
    const fewFiles = openFilesProblem(openFilesLimit())
    if (fewFiles !== undefined && !parent) log.warn(fewFiles)
    const gateway = await startGateway({
      ...io.family,
      policyFile,
      pidFile: textOf(values, 'pidFile') || undefined,
      variables: io.variables,
      log,
      processes: io.processes,
      constrainedMemory: io.constrainedMemory,
      version: io.version,
      out: io.out,
      ...(listen ? { listen } : {}),
      ...(admin ? { admin } : {}),
    })
    if (parent) {
      await gateway.told
      await gateway.close()
      parent.leave()
      return 0
    }
    await serveUntilStopped(gateway, signals, log, policy.version)
    return 0
  },
}

/** Signals that have come, and those to come. */
interface Signals {
  readonly stops: EventEmitter
  wasHungUp: boolean
  wasToUpgrade: boolean
  isTold: boolean
  hungUp(): void
  upgrade(): void
  readonly told: Promise<void>
}

/** Registers before the gateway listens, because an unhandled signal would end the process. */
function hearSignals(io: Io): Signals {
  const stops = new EventEmitter()
  const signals: Signals = {
    stops,
    wasHungUp: false,
    wasToUpgrade: false,
    isTold: false,
    hungUp() {
      signals.wasHungUp = true
    },
    upgrade() {
      signals.wasToUpgrade = true
    },
    told: once(stops, 'stop').then(() => {
      signals.isTold = true
    }),
  }
  io.on('SIGHUP', () => signals.hungUp())
  io.on('SIGUSR2', () => signals.upgrade())
  const stop = () => void stops.emit('stop')
  io.on('SIGTERM', stop)
  io.on('SIGINT', stop)
  return signals
}

async function serveUntilStopped(
  gateway: Gateway,
  signals: Signals,
  log: Log,
  version: string,
): Promise<void> {
  signals.hungUp = gateway.reload
  signals.upgrade = gateway.upgrade
  if (signals.wasHungUp) gateway.reload()
  if (signals.wasToUpgrade) gateway.upgrade()
  // No client knows of the gateway yet, so it can stop without notice.
  if (signals.isTold) gateway.hurry()
  log.info({ data: gateway.data, admin: gateway.admin, policy: version }, 'listening')
  await Promise.race([signals.told, gateway.replaced])
  // Whoever stops a gateway that was replaced means that it may end: it does already.
  if (!signals.isTold) void once(signals.stops, 'stop').then(() => signals.stops.once('stop', gateway.hurry))
  else signals.stops.once('stop', gateway.hurry)
  log.info('stopping; a second signal aborts running requests')
  await gateway.close()
  log.info('stopped')
}

function addressOption(values: Values, name: string) {
  const text = textOf(values, name)
  if (text === '') return undefined
  const address = parseAddress(text)
  if (!address) throw new UsageError(`--${name} must be HOST:PORT, or unix:/PATH.`)
  return address
}

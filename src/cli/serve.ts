/** `torwart serve`: runs the gateway. */

import { EventEmitter, once } from 'node:events'
import { openFilesLimit, openFilesProblem } from '../files/open-files.ts'
import { parseAddress } from '../policy/address.ts'
import { loadPolicy } from '../policy/load.ts'
import { startGateway } from '../server/gateway.ts'
import { createLog } from '../telemetry/log.ts'
import { type Command, configOption, type ExitCode, textOf, UsageError, type Values } from './command.ts'

/** The command `torwart serve`. */
export const serve: Command = {
  options: [
    configOption,
    { flags: '--listen <host:port>', description: 'data listener, instead of the address in the policy' },
    { flags: '--admin <host:port>', description: 'admin listener, instead of the address in the policy' },
  ],
  async run(values, io): Promise<ExitCode> {
    const policyFile = textOf(values, 'config')
    const listen = addressOption(values, 'listen')
    const admin = addressOption(values, 'admin')
    const { policy } = loadPolicy(policyFile, io.variables)
    const log = createLog(policy.logLevel)
    // Registered before the gateway listens, because an unhandled signal would end the process.
    let wasHungUp = false
    let hungUp = () => {
      wasHungUp = true
    }
    io.on('SIGHUP', () => hungUp())
    const stops = new EventEmitter()
    const stop = () => void stops.emit('stop')
    io.on('SIGTERM', stop)
    io.on('SIGINT', stop)
    let isTold = false
    const told = once(stops, 'stop').then(() => {
      isTold = true
    })
    const fewFiles = openFilesProblem(openFilesLimit())
    if (fewFiles !== undefined) log.warn(fewFiles)
    const gateway = await startGateway({
      policyFile,
      variables: io.variables,
      log,
      processes: io.processes,
      constrainedMemory: io.constrainedMemory,
      version: io.version,
      out: io.out,
      ...(listen ? { listen } : {}),
      ...(admin ? { admin } : {}),
    })
    hungUp = gateway.reload
    if (wasHungUp) gateway.reload()
    // No client knows of the gateway yet, so it can stop without notice.
    if (isTold) gateway.hurry()
    log.info({ data: gateway.data, admin: gateway.admin, policy: policy.version }, 'listening')
    await told
    stops.once('stop', gateway.hurry)
    log.info('stopping; a second signal aborts running requests')
    await gateway.close()
    log.info('stopped')
    return 0
  },
}

function addressOption(values: Values, name: string) {
  const text = textOf(values, name)
  if (text === '') return undefined
  const address = parseAddress(text)
  if (!address) throw new UsageError(`--${name} must be HOST:PORT.`)
  return address
}

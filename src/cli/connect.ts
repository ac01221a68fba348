/** `torwart connect`: forwards from loopback to the gateway and adds a credential, for programs that cannot send one. */

import { isOpenToOthers } from '../auth/api-keys/key-file.ts'
import { startForwarder } from '../connect/forwarder.ts'
import { isLoopback, parseAddress } from '../policy/address.ts'
import { isNetwork, networksOf } from '../policy/networks.ts'
import { type Command, type ExitCode, textOf, UsageError, type Values } from './command.ts'

/** The command `torwart connect`. */
export const connect: Command = {
  options: [
    { flags: '--gate <url>', description: 'URL of the gateway: https, or http on loopback', required: true },
    { flags: '--key-file <file>', description: 'file with the key or token' },
    { flags: '--cert <file>', description: 'client certificate, PEM' },
    { flags: '--cert-key <file>', description: 'private key of the certificate, PEM' },
    {
      flags: '--ca <file>',
      description: 'CA of the gateway’s certificate, PEM; default: the CAs that Node ships',
    },
    {
      flags: '--listen <host:port>',
      description: 'address for programs to connect to',
      standard: '127.0.0.1:11434',
    },
    { flags: '--allow <networks>', description: 'further networks that may connect, such as 172.17.0.0/16' },
    {
      flags: '--origin <origins>',
      description: 'origins of web pages that may connect, such as http://localhost:3000',
    },
  ],
  async run(values, io): Promise<ExitCode> {
    const gate = gatewayUrl(textOf(values, 'gate'))
    const listen = parseAddress(textOf(values, 'listen'))
    if (!listen || listen.socketPath !== undefined) throw new UsageError('--listen must be HOST:PORT.')
    const networks = listOf(values, 'allow')
    const origins = listOf(values, 'origin')
    for (const network of networks)
      if (!isNetwork(network))
        throw new UsageError(`--allow: ${network} is not a network such as 172.17.0.0/16.`)
    for (const origin of origins)
      if (!URL.canParse(origin) || new URL(origin).origin !== origin)
        throw new UsageError(`--origin: ${origin} is not an origin such as http://localhost:3000.`)
    const open = networks.length > 0
    if (!listen.loopback && !open)
      throw new UsageError(
        '--listen must be loopback, or --allow must name networks, because everyone who connects has the rights of your key.',
      )
    const visitors = { networks: networksOf(networks), origins: new Set(origins) }
    const files = filesOf(values, gate)
    for (const path of [files.key, files.certificate?.key])
      if (path !== undefined && isOpenToOthers(path))
        io.err(`Users other than the owner may read or write ${path}. Run \`chmod 600 ${path}\`.\n`)
    const told = new Promise<void>((resolve) => {
      io.on('SIGTERM', resolve)
      io.on('SIGINT', resolve)
    })
    const tell = (sentence: string) => io.err(`${sentence}\n`)
    const forwarder = await startForwarder({
      gateway: gate.origin,
      listen,
      files,
      allowed: visitors,
      allowsRemote: open,
      report: tell,
    })
    io.out(`${forwarder.url} leads to ${gate.origin}\n`)
    await told
    await forwarder.close()
    return 0
  },
}

/** Splits a comma-separated option. */
function listOf(values: Values, name: string): string[] {
  return textOf(values, name)
    .split(',')
    .map((each) => each.trim())
    .filter(Boolean)
}

/** @throws UsageError */
function gatewayUrl(text: string): URL {
  const gate = URL.canParse(text) ? new URL(text) : undefined
  if (!gate || !/^https?:$/.test(gate.protocol)) throw new UsageError('--gate must be an http or https URL.')
  if (gate.pathname !== '/' || gate.search || gate.hash || gate.username || gate.password)
    throw new UsageError('--gate must be scheme, host and port only.')
  if (gate.protocol === 'http:' && !isLoopback(gate.hostname.replace(/^\[|\]$/g, '')))
    throw new UsageError('--gate must be https, because over http anyone on the way could read the key.')
  return gate
}

function filesOf(values: Values, gate: URL) {
  const file = (name: string) => textOf(values, name) || undefined
  const key = file('keyFile')
  const cert = file('cert')
  const certKey = file('certKey')
  if ((cert === undefined) !== (certKey === undefined))
    throw new UsageError('--cert and --cert-key must be given together.')
  const certificate = cert !== undefined && certKey !== undefined ? { cert, key: certKey } : undefined
  if (key === undefined && !certificate) throw new UsageError('Give --key-file, or --cert and --cert-key.')
  if (certificate && gate.protocol === 'http:') throw new UsageError('--cert needs an https gateway.')
  return { key, certificate, ca: file('ca') }
}

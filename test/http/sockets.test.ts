/** Listening sockets that a process was given, and the descriptors of its own. */
import { fstatSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { inheritedSockets, socketsInWords, socketsVariable } from '../../src/http/sockets/inherited.ts'
import { listeningDescriptor } from '../../src/http/sockets/own.ts'
import { boundAddress } from '../../src/wire/bound-address.ts'

const systemd = { LISTEN_PID: '7', LISTEN_FDS: '2', LISTEN_FDNAMES: 'admin:data' }

describe('the sockets of a process', () => {
  it('are those that systemd names', () => {
    expect(inheritedSockets(systemd, 7)).toEqual({ data: 4, admin: 3 })
    expect(inheritedSockets({ ...systemd, LISTEN_FDS: '1', LISTEN_FDNAMES: 'data' }, 7)).toEqual({ data: 3 })
  })

  it('are none of those that systemd passed to its parent', () => {
    expect(inheritedSockets(systemd, 8)).toEqual({})
    expect(inheritedSockets({}, 8)).toEqual({})
  })

  it('are those that another gateway says', () => {
    const told = socketsInWords({ data: 3, admin: 4 })
    expect(inheritedSockets({ [socketsVariable]: told }, 8)).toEqual({ data: 3, admin: 4 })
    expect(inheritedSockets({ [socketsVariable]: socketsInWords({ data: 9 }) }, 8)).toEqual({ data: 9 })
  })

  it.each(['torwart.socket:data', 'data:data', ''])('are refused with the names "%s"', (names) => {
    expect(() => inheritedSockets({ ...systemd, LISTEN_FDNAMES: names }, 7)).toThrow('FileDescriptorName=')
  })
})

describe.skipIf(process.platform !== 'linux')('the descriptor of a listener', () => {
  const open: Server[] = []
  afterEach(() => {
    for (const server of open.splice(0)) server.close()
  })

  it.each(['127.0.0.1', '0.0.0.0', '::1', '::', '::ffff:127.0.0.1'])('is found on %s', async (host) => {
    const server = createServer()
    open.push(server)
    await new Promise<void>((resolve) => server.listen({ host, port: 0 }, resolve))
    const { address, port } = boundAddress(server)
    const found = listeningDescriptor({ host: address, port })
    expect(found).toBe((server as unknown as { _handle: { fd: number } })._handle.fd)
    expect(fstatSync(found ?? -1).isSocket()).toBe(true)
    expect(listeningDescriptor({ host: '127.0.0.2', port })).toBeUndefined()
  })
})

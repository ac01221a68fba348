/** What is asked of bubblewrap and of containers, and the system call filter as a kernel would run it. */
import { describe, expect, it } from 'vitest'
import { bubblewrap } from '../../src/sandbox/bubblewrap.ts'
import { chooseConfinement } from '../../src/sandbox/choose.ts'
import type { Confinement } from '../../src/sandbox/confinement.ts'
import { container } from '../../src/sandbox/container.ts'
import { systemCallFilter } from '../../src/sandbox/seccomp.ts'

const folders = { read: ['/data'], write: ['/work'] }

describe('the arguments of a container', () => {
  it.each(['docker', 'podman'] as const)('bound everything for %s', (name) => {
    const { words, stop } = container(name, folders, 'a1')
    expect(words(['cat', '--help']).join(' ')).toBe(
      `${name} run --name torwart-sandbox-a1 --rm --interactive --pull never --log-driver none --init --network none --read-only --cap-drop ALL --security-opt no-new-privileges --user 65534:65534 --pids-limit 100 --memory 536870912 --memory-swap 536870912 --shm-size 67108864 --ulimit nofile=256 --ulimit core=0 --tmpfs /tmp:rw,nosuid,nodev,size=67108864,mode=1777 --env PATH=/usr/local/bin:/usr/bin:/bin --env LANG=C.UTF-8 --env HOME=/tmp --mount type=bind,source=/data,target=/data,readonly --mount type=bind,source=/work,target=/work --workdir /work --entrypoint cat debian:stable-slim --help`,
    )
    expect(stop).toEqual([name, 'rm', '--force', 'torwart-sandbox-a1'])
  })

  it('have no folder whose name would be read as another mount', () => {
    const odd = { read: ['/data,target=/etc'], write: [] }
    expect(() => container('docker', odd, 'a1')).toThrow('containers cannot mount')
  })
})

describe('the arguments of bubblewrap', () => {
  it('change the user for real only as root, and bound the command inside', () => {
    const asRoot = bubblewrap(folders, new Uint8Array(), true).words(['id'])
    expect(asRoot.slice(0, 3)).toEqual(['setpriv', '--reuid=65534', '--regid=65534'])
    const asUser = bubblewrap(folders, new Uint8Array(), false).words(['id'])
    expect(asUser[0]).toBe('bwrap')
    expect(asUser.slice(asUser.indexOf('prlimit')).join(' ')).toBe(
      'prlimit --as=536870912 --nproc=100 --nofile=256 --core=0 -- id',
    )
    expect(asUser.join(' ')).toContain('--ro-bind /data /data --bind /work /work --remount-ro /')
  })
})

describe('a folder to be read in one that may be written', () => {
  it('is mounted after it, so that it is not written', () => {
    const nested = { read: ['/work/kept', '/data'], write: ['/work', '/data/out'] }
    expect(bubblewrap(nested, new Uint8Array(), false).words([]).join(' ')).toContain(
      '--ro-bind /data /data --bind /work /work --bind /data/out /data/out --ro-bind /work/kept /work/kept',
    )
  })
})

/** Runs a filter as the kernel does. @returns what it answers for a call */
function answerOf(filter: Uint8Array, audit: number, call: number, argument = 0): number {
  const data: Readonly<Record<number, number>> = { 0: call, 4: audit, 16: argument }
  const view = new DataView(filter.buffer)
  let value = 0
  for (let at = 0; at < filter.length; at += 8) {
    const k = view.getUint32(at + 4, true)
    const code = view.getUint16(at, true)
    if (code === 0x06) return k
    if (code === 0x20) value = data[k] ?? 0
    else {
      const isTrue = code === 0x35 ? value >= k : value === k
      at += 8 * view.getUint8(at + (isTrue ? 2 : 3))
    }
  }
  throw new Error('ran past the end')
}

describe('the system call filter', () => {
  const allowed = 0x7fff0000
  const refused = 0x00050001
  it.each([
    ['x64', 0xc000003e, { read: 0, keyctl: 250, ptrace: 101, socket: 41, kill: 62 }],
    ['arm64', 0xc00000b7, { read: 63, keyctl: 219, ptrace: 117, socket: 198, kill: 129 }],
  ])('lets tools work on %s, and refuses what they do not need', (machine, audit, calls) => {
    const filter = systemCallFilter(machine) ?? new Uint8Array()
    const answer = (call: number, argument?: number) => answerOf(filter, audit, call, argument)
    expect([answer(calls.read), answer(calls.kill)]).toEqual([allowed, allowed])
    expect([answer(calls.keyctl), answer(calls.ptrace)]).toEqual([refused, refused])
    expect([1, 2, 10, 16].map((family) => answer(calls.socket, family))).toEqual(Array(4).fill(allowed))
    expect([0, 17, 38, 40].map((family) => answer(calls.socket, family))).toEqual(Array(4).fill(refused))
  })

  it('refuses the same calls under the numbers of x32, and ends a program of another machine', () => {
    const filter = systemCallFilter('x64') ?? new Uint8Array()
    expect(answerOf(filter, 0xc000003e, 0x40000000)).toBe(refused)
    expect(answerOf(filter, 0x40000003, 3)).toBe(0x80000000)
  })

  it('does not exist for machines whose calls it does not know', () => {
    expect(systemCallFilter('riscv64')).toBeUndefined()
  })
})

describe('the choice of what confines', () => {
  const made = (name: Confinement['name'], program: readonly string[]): Confinement => ({
    name,
    words: (command) => [...program, ...command],
    boundsMemory: true,
  })
  const variables = { PATH: '/usr/bin:/bin' }
  const missing = made('bubblewrap', ['/no/such/program'])
  const broken = made('docker', ['sh', '-c', 'echo no daemon >&2; exit 1'])

  it('is the first that works', async () => {
    const works = made('podman', ['env'])
    expect(await chooseConfinement([missing, broken, works], variables)).toBe(works)
  })

  it('runs nothing if none works, and says why', async () => {
    await expect(chooseConfinement([missing, broken], variables)).rejects.toThrow(
      /it was not run\.\nbubblewrap: cannot be started \(ENOENT\)\ndocker: no daemon$/,
    )
  })
})

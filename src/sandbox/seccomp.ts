/**
 * The system call filter of a confined command, as classic BPF for `bwrap --seccomp`. It refuses calls that reach past
 * namespaces (keyrings, AF_VSOCK), hold memory that no limit counts, or are large parts of the kernel that tools do not
 * need. Numbers: Linux, arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h.
 */

/** Refused calls by name: number on x86-64, number on arm64. */
const refused: Readonly<Record<string, readonly [number, number]>> = {
  ptrace: [101, 117],
  process_vm_readv: [310, 270],
  process_vm_writev: [311, 271],
  pidfd_getfd: [438, 438],
  kcmp: [312, 272],
  add_key: [248, 217],
  request_key: [249, 218],
  keyctl: [250, 219],
  memfd_create: [319, 279],
  memfd_secret: [447, 447],
  shmget: [29, 194],
  msgget: [68, 186],
  bpf: [321, 280],
  perf_event_open: [298, 241],
  userfaultfd: [323, 282],
  io_uring_setup: [425, 425],
  io_uring_enter: [426, 426],
  io_uring_register: [427, 427],
  fanotify_init: [300, 262],
  mount: [165, 40],
  umount2: [166, 39],
  pivot_root: [155, 41],
  open_tree: [428, 428],
  move_mount: [429, 429],
  fsopen: [430, 430],
  fsconfig: [431, 431],
  fsmount: [432, 432],
  fspick: [433, 433],
  mount_setattr: [442, 442],
  unshare: [272, 97],
  setns: [308, 268],
  name_to_handle_at: [303, 264],
  open_by_handle_at: [304, 265],
  settimeofday: [164, 170],
  clock_settime: [227, 112],
  adjtimex: [159, 171],
  clock_adjtime: [305, 266],
  init_module: [175, 105],
  finit_module: [313, 273],
  delete_module: [176, 106],
  kexec_load: [246, 104],
  kexec_file_load: [320, 294],
  reboot: [169, 142],
  swapon: [167, 224],
  swapoff: [168, 225],
  acct: [163, 89],
  quotactl: [179, 60],
  syslog: [103, 116],
  personality: [135, 92],
}

/** AF_UNIX, AF_INET, AF_INET6, AF_NETLINK: the families that the network namespace confines. */
const families = [1, 2, 10, 16]

interface Machine {
  /** AUDIT_ARCH_… of linux/audit.h. */
  readonly audit: number
  readonly column: 0 | 1
  readonly socket: number
}

const machines: Readonly<Record<string, Machine>> = {
  x64: { audit: 0xc000003e, column: 0, socket: 41 },
  arm64: { audit: 0xc00000b7, column: 1, socket: 198 },
}

const load = 0x20
const equals = 0x15
const atLeast = 0x35
const answer = 0x06

const kill = 0x80000000
const notPermitted = 0x00050001
const allow = 0x7fff0000

/** Where the x32 calls begin, which repeat those of x86-64 under other numbers. */
const x32 = 0x40000000

/** `code`, `jt`, `jf`, `k` of `struct sock_filter`. */
type Instruction = readonly [number, number, number, number]

/**
 * Assembles the filter. @param machine as `os.arch()` names it
 * @returns undefined for a machine whose calls are not known here
 */
export function systemCallFilter(machine: string): Uint8Array | undefined {
  const known = machines[machine]
  if (known === undefined) return undefined
  const refuseIf = (test: number, value: number): readonly Instruction[] => [
    [test, 0, 1, value],
    [answer, 0, 0, notPermitted],
  ]
  return encode([
    [load, 0, 0, 4],
    [equals, 1, 0, known.audit],
    [answer, 0, 0, kill],
    [load, 0, 0, 0],
    ...refuseIf(atLeast, x32),
    ...Object.values(refused).flatMap((numbers) => refuseIf(equals, numbers[known.column])),
    // Not `socket`: allowed, which is after the next two blocks.
    [equals, 0, families.length * 2 + 2, known.socket],
    // The first argument, an int.
    [load, 0, 0, 16],
    ...families.flatMap((family): Instruction[] => [
      [equals, 0, 1, family],
      [answer, 0, 0, allow],
    ]),
    [answer, 0, 0, notPermitted],
    [answer, 0, 0, allow],
  ])
}

function encode(instructions: readonly Instruction[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(instructions.length * 8))
  for (const [index, [code, whenTrue, whenFalse, value]] of instructions.entries()) {
    view.setUint16(index * 8, code, true)
    view.setUint8(index * 8 + 2, whenTrue)
    view.setUint8(index * 8 + 3, whenFalse)
    view.setUint32(index * 8 + 4, value, true)
  }
  return new Uint8Array(view.buffer)
}

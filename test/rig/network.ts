/**
 * A machine of its own: a network namespace with servers on IPv4 and IPv6. Needs root, `unshare`, `ip` and `setpriv`.
 * What comes from outside is made by calling the loopback interface eth0, so that rules take its packets for foreign
 * ones: not every machine can make a pair of interfaces.
 */
import { execFileSync } from 'node:child_process'

/** A try to connect. */
export interface Attempt {
  /** A user of this machine by number, or another machine. */
  readonly from: number | 'outside'
  readonly host: string
  readonly port: number
}

/** Addresses of the machine besides loopback. */
export const ownAddresses = ['10.99.0.1', 'fd99::1'] as const

const setup = (name: string, ports: readonly number[]) => `
set -eu
ip link set lo name ${name}
ip link set ${name} up
ip addr add ${ownAddresses[0]}/32 dev ${name}
ip addr add ${ownAddresses[1]}/128 dev ${name} nodad
${process.execPath} -e '
  const { createServer } = require("node:net")
  for (const port of ${JSON.stringify(ports)}) createServer((socket) => socket.end()).listen(port, "::")' &
server=$!
results=$(mktemp -d) tries=
trap 'kill $server; rm -r "$results"' EXIT
for port in ${ports.join(' ')}; do until (exec 3<>/dev/tcp/127.0.0.1/$port) 2>/dev/null; do :; done; done
`

/** A try in the background, because one whose packets are dropped takes its whole time. */
function connecting({ from, host, port }: Attempt, index: number): string {
  const connect = `timeout 2 bash -c 'exec 3<>/dev/tcp/${host}/${port}' 2>/dev/null`
  const user = from === 'outside' ? 0 : from
  const told = `setpriv --reuid=${user} --clear-groups ${connect} && echo open || echo closed`
  return `(${told}) > "$results/$(printf %03d ${index})" & tries="$tries $!"`
}

/**
 * Loads rules on such a machine and makes the attempts, all of its own users or all from outside.
 * @param rules a script
 * @param ports those that servers listen on
 * @returns for each attempt whether it could connect
 */
export function attemptAll(
  rules: string,
  ports: readonly number[],
  attempts: readonly Attempt[],
): readonly boolean[] {
  const name = attempts[0]?.from === 'outside' ? 'eth0' : 'lo'
  const tries = [...attempts.map(connecting), 'wait $tries', 'cat "$results"/*']
  const script = [setup(name, ports), rules, ...tries].join('\n')
  const out = execFileSync('unshare', ['-n', 'bash', '-c', script], { encoding: 'utf8', timeout: 25_000 })
  return out
    .trim()
    .split('\n')
    .map((line) => line === 'open')
}

/** Whether this machine can make one, with nftables and iptables in it. */
export const hasNetworks = (() => {
  const probe = 'nft list ruleset && iptables -w -S && ip6tables -w -S && ip link set lo name eth0'
  try {
    execFileSync('unshare', ['-n', 'sh', '-c', probe], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
})()

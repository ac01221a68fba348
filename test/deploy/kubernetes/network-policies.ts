/**
 * Who may connect to whom by NetworkPolicies, as the documentation of `networking.k8s.io/v1` says: a pod that no policy
 * selects for a direction is open in it; one that is selected may do what any of them allows; both ends must agree.
 */
import type { Resource } from './kustomize.ts'

export type Labels = Readonly<Record<string, string>>

/** A pod, or a host outside the cluster by its IPv4 address. */
export type Peer = { readonly namespace: Labels; readonly pod: Labels } | { readonly address: string }

interface Selector {
  readonly matchLabels?: Labels
}
interface Source {
  readonly podSelector?: Selector
  readonly namespaceSelector?: Selector
  readonly ipBlock?: { readonly cidr: string; readonly except?: readonly string[] }
}
interface Rule {
  readonly from?: readonly Source[]
  readonly to?: readonly Source[]
  readonly ports?: readonly { readonly port: number; readonly protocol?: string }[]
}
interface PolicySpec {
  readonly podSelector: Selector
  readonly policyTypes: readonly string[]
  readonly ingress?: readonly Rule[]
  readonly egress?: readonly Rule[]
}

const selects = ({ matchLabels = {} }: Selector, labels: Labels) =>
  Object.entries(matchLabels).every(([name, value]) => labels[name] === value)

const numberOf = (address: string) =>
  address.split('.').reduce((number, part) => number * 256 + Number(part), 0)

function isWithin(address: string, cidr: string): boolean {
  const [network = '', bits = '32'] = cidr.split('/')
  const size = 2 ** (32 - Number(bits))
  return Math.floor(numberOf(address) / size) === Math.floor(numberOf(network) / size)
}

/** @param own the namespace of the policy */
function isMeant({ podSelector, namespaceSelector, ipBlock }: Source, peer: Peer, own: Labels): boolean {
  if (ipBlock)
    return (
      'address' in peer &&
      isWithin(peer.address, ipBlock.cidr) &&
      !(ipBlock.except ?? []).some((each) => isWithin(peer.address, each))
    )
  if ('address' in peer) return false
  const isNamespace = namespaceSelector ? selects(namespaceSelector, peer.namespace) : peer.namespace === own
  return isNamespace && selects(podSelector ?? {}, peer.pod)
}

/** Judges connections by the policies of one namespace. @param own its labels */
export function judging(resources: readonly Resource[], own: Labels) {
  const policies = resources
    .filter(({ kind }) => kind === 'NetworkPolicy')
    .map(({ spec }) => spec as unknown as PolicySpec)
  const allows = (
    direction: 'Ingress' | 'Egress',
    pod: Peer,
    other: Peer,
    port: number,
    protocol: string,
  ) => {
    if ('address' in pod || pod.namespace !== own) return true
    const chosen = policies.filter(
      ({ podSelector, policyTypes }) => policyTypes.includes(direction) && selects(podSelector, pod.pod),
    )
    const rules = chosen.flatMap(({ ingress = [], egress = [] }) =>
      direction === 'Ingress' ? ingress : egress,
    )
    return (
      chosen.length === 0 ||
      rules.some(({ from, to, ports }) => {
        const peers = direction === 'Ingress' ? from : to
        const isPeer = !peers || peers.some((each) => isMeant(each, other, own))
        return (
          isPeer &&
          (!ports || ports.some((each) => each.port === port && (each.protocol ?? 'TCP') === protocol))
        )
      })
    )
  }
  return (from: Peer, to: Peer, port: number, protocol = 'TCP') =>
    allows('Egress', from, to, port, protocol) && allows('Ingress', to, from, port, protocol)
}

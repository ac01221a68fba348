/** A container whose model server is published on the host, which goes around the host's firewall rules. */
import { isLoopback } from '../../policy/address.ts'
import type { Check } from '../facts.ts'

const id = 'docker-ports'
const modelServer = /(?:^|\/)(?:ollama|local-?ai|vllm|llama\.cpp)[^/]*$/i

/** Judges the published ports of containers with model servers. */
export const dockerPorts: Check = ({ published, servers }) => {
  if (published === undefined) return []
  if ('why' in published) return [{ id, why: published.why }]
  const ports = new Set(servers.filter(({ isHere }) => isHere).map(({ port }) => port))
  return published.value
    .filter(
      ({ host, hostPort, image }) => !isLoopback(host) && (modelServer.test(image) || ports.has(hostPort)),
    )
    .map(({ container, image, host, hostPort, containerPort }) => ({
      id,
      severity: 'high' as const,
      what: `Docker publishes port ${containerPort} of ${container} (${image}) on ${host}:${hostPort}.`,
      why: 'Docker’s own rules come before those of ufw and firewalld, so other hosts reach the model server past the gateway.',
      fix: `Publish it with \`-p 127.0.0.1:${hostPort}:${containerPort}\`, or not at all if the gateway is in the same Docker network.`,
    }))
}

/** The kustomizations: the published schemas, restricted Pod Security, what refers to what, and who reaches whom. */
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import { afterAll, describe, expect, it } from 'vitest'
import { loadPolicy } from '../../src/policy/load.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { freePort } from '../rig/redis.ts'
import { until } from '../rig/wait.ts'
import { build, madeByOperator, type Resource } from './kubernetes/kustomize.ts'
import { judging, type Labels, type Peer } from './kubernetes/network-policies.ts'

const root = new URL('../../', import.meta.url).pathname
const kubernetes = `${root}deploy/kubernetes`
const overlays = ['overlays/single', 'overlays/redis'] as const
const builds = new Map<string, Resource[]>(
  [...overlays, 'pull'].map((name) => [name, build(join(kubernetes, name))]),
)
const all = [...builds].flatMap(([overlay, resources]) =>
  resources.map((resource) => ({ overlay, resource })),
)
const folder = mkdtempSync(join(tmpdir(), 'torwart-kubernetes-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface PodSpec {
  readonly automountServiceAccountToken?: boolean
  readonly securityContext: {
    readonly runAsNonRoot?: boolean
    readonly seccompProfile?: { readonly type: string }
  }
  readonly volumes: readonly {
    readonly name: string
    readonly configMap?: { readonly name: string }
    readonly secret?: { readonly secretName: string }
    readonly hostPath?: object
  }[]
  readonly containers: readonly {
    readonly image: string
    readonly command?: readonly string[]
    readonly ports?: readonly { readonly name: string; readonly containerPort: number }[]
    readonly securityContext: {
      readonly allowPrivilegeEscalation?: boolean
      readonly readOnlyRootFilesystem?: boolean
      readonly capabilities?: { readonly drop: readonly string[]; readonly add?: readonly string[] }
    }
    readonly resources: { readonly limits: Readonly<Record<string, string>> }
    readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[]
  }[]
}
interface Workload {
  readonly selector?: { readonly matchLabels: Labels }
  readonly template: { readonly metadata: { readonly labels: Labels }; readonly spec: PodSpec }
  readonly volumeClaimTemplates?: readonly { readonly metadata: { readonly name: string } }[]
}
const workloads = all.flatMap(({ overlay, resource }) =>
  resource.spec?.template === undefined
    ? []
    : [{ overlay, name: resource.metadata.name, spec: resource.spec as unknown as Workload }],
)
const find = (overlay: string, kind: string, name: string) =>
  builds.get(overlay)?.find((each) => each.kind === kind && each.metadata.name === name)

/** The spec of a resource, which the schemas say is of that shape. */
function specOf<Spec = object>(overlay: string, kind: string, name: string): Spec {
  const { spec } = find(overlay, kind, name) ?? {}
  if (!spec) throw new Error(`${overlay} has no ${kind} ${name}`)
  return spec as unknown as Spec
}

describe('each resource', () => {
  const { kinds, $defs } = JSON.parse(
    readFileSync(`${root}test/fixtures/kubernetes/schemas.json`, 'utf8'),
  ) as { kinds: Record<string, string>; $defs: object }
  const ajv = new Ajv({ strict: false })
  ajv.addSchema({ $id: 'kubernetes', $defs })
  const problemsOf = (resource: Resource) => {
    const validate = ajv.getSchema(`kubernetes${kinds[resource.kind]}`)
    if (!validate) throw new Error(`no schema for ${resource.kind}`)
    return validate(resource) ? [] : validate.errors
  }
  // The generated ones are made here, and the last belongs to the Prometheus Operator.
  const known = all.filter(
    ({ resource }) => !['ConfigMap', 'Secret', 'ServiceMonitor'].includes(resource.kind),
  )

  it.each(known)('of $overlay is one by the schema of its kind: $resource.metadata.name', ({ resource }) => {
    expect(problemsOf(resource)).toEqual([])
  })

  it('would not be one with a word that Kubernetes does not know', () => {
    const budget = find('overlays/single', 'PodDisruptionBudget', 'gateway')
    expect(budget).toBeDefined()
    expect(problemsOf({ ...budget, spec: { ...budget?.spec, maxUnavailible: 1 } } as Resource)).toHaveLength(
      1,
    )
  })
})

describe('each pod', () => {
  it.each(workloads)('of $overlay fits the restricted Pod Security standard: $name', ({ spec }) => {
    const { securityContext, containers, volumes, automountServiceAccountToken } = spec.template.spec
    expect(securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } })
    expect(automountServiceAccountToken).toBe(false)
    expect(volumes.filter(({ hostPath }) => hostPath)).toEqual([])
    for (const { securityContext: own, resources } of containers) {
      expect(own).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      })
      expect(resources.limits.memory).toMatch(/^\d+[MG]i$/)
    }
  })

  it('may live in a namespace that enforces it', () => {
    expect(find('overlays/single', 'Namespace', 'torwart')?.metadata.labels).toMatchObject({
      'pod-security.kubernetes.io/enforce': 'restricted',
    })
  })

  it.each(workloads)('of $overlay mounts only what there is: $name', ({ overlay, spec }) => {
    const { volumes, containers } = spec.template.spec
    const names = [...volumes, ...(spec.volumeClaimTemplates ?? []).map(({ metadata }) => metadata)].map(
      ({ name }) => name,
    )
    for (const { volumeMounts } of containers)
      for (const { name } of volumeMounts) expect(names).toContain(name)
    for (const { configMap, secret } of volumes) {
      if (configMap)
        expect([configMap, find(overlay, 'ConfigMap', configMap.name)?.kind]).toEqual([
          configMap,
          'ConfigMap',
        ])
      if (secret)
        expect([secret, find(overlay, 'Secret', secret.secretName)?.kind]).toEqual([secret, 'Secret'])
    }
    if (spec.selector) expect(spec.template.metadata.labels).toMatchObject(spec.selector.matchLabels)
  })
})

describe.each(overlays)('%s', (overlay) => {
  const pods = workloads.filter((each) => each.overlay === overlay).map(({ spec }) => spec.template)

  it('has for each service a pod with its port', () => {
    const services = builds.get(overlay)?.filter(({ kind }) => kind === 'Service') ?? []
    expect(services.length).toBeGreaterThan(2)
    for (const { spec } of services) {
      const { selector, ports } = spec as unknown as {
        selector: Labels
        ports: { port: number; targetPort: string }[]
      }
      const chosen = pods.filter(({ metadata }) => metadata.labels.app === selector.app)
      expect(chosen).toHaveLength(1)
      const named = chosen[0]?.spec.containers[0]?.ports ?? []
      for (const { port, targetPort } of ports)
        expect(named).toContainEqual({ name: targetPort, containerPort: port })
    }
  })

  it('keeps the audit log on a volume that outlives the pods', () => {
    const gateway = specOf<Workload & { persistentVolumeClaimRetentionPolicy: object }>(
      overlay,
      'StatefulSet',
      'gateway',
    )
    expect(gateway.persistentVolumeClaimRetentionPolicy).toEqual({
      whenDeleted: 'Retain',
      whenScaled: 'Retain',
    })
    const [claim] = gateway.volumeClaimTemplates ?? []
    const mount = gateway.template.spec.containers[0]?.volumeMounts.find(
      ({ name }) => name === claim?.metadata.name,
    )
    expect(policyOf(overlay).audit.file.startsWith(`${mount?.mountPath}/`)).toBe(true)
  })

  it('has a policy that loads, with secrets from files alone', () => {
    const policy = policyOf(overlay)
    expect(policy.admin).toMatchObject({ loopback: false, token: madeByOperator })
    expect(policy.redis === undefined).toBe(overlay === 'overlays/single')
  })
})

/** The policy of an overlay, with what it makes of the secrets. */
function policyOf(overlay: string) {
  const text = find(overlay, 'ConfigMap', 'policy')?.data?.['torwart.yaml'] ?? ''
  for (const [name, value] of Object.entries(find(overlay, 'Secret', 'secrets')?.data ?? {}))
    writeFileSync(join(folder, name), name === 'redis-password' ? 'redis-password' : value)
  const file = join(folder, `${overlay.replace('/', '-')}.yaml`)
  writeFileSync(file, text.replaceAll('/run/secrets/torwart/', `${folder}/`))
  const { policy } = loadPolicy(file, {})
  return { admin: policy.admin, audit: policy.audit, redis: policy.store.redis }
}

describe('the network policies', () => {
  const own: Labels = { 'kubernetes.io/metadata.name': 'torwart' }
  const inside = (app: string): Peer => ({ namespace: own, pod: { app } })
  const elsewhere = (name: string, labels: Labels = {}, pod: Labels = {}): Peer => ({
    namespace: { 'kubernetes.io/metadata.name': name, ...labels },
    pod,
  })
  const internet: Peer = { address: '93.184.216.34' }
  const [gateway, ollama, redis] = [inside('torwart'), inside('ollama'), inside('redis')]
  const client = elsewhere('agents', { 'torwart-client': 'true' })
  const monitoring = elsewhere('monitoring')
  const dns = elsewhere('kube-system', {}, { 'k8s-app': 'kube-dns' })
  const peers = {
    gateway,
    ollama,
    redis,
    client,
    monitoring,
    dns,
    internet,
    stranger: inside('other'),
    other: elsewhere('other'),
  }
  const ports = [53, 443, 6379, 8080, 9464, 11434]
  const expected = [
    'client > gateway 8080',
    'gateway > dns 53',
    'gateway > ollama 11434',
    'monitoring > gateway 9464',
  ]

  /** Every connection that is possible with an end in the namespace. */
  function possible(overlay: string): string[] {
    const may = judging(builds.get(overlay) ?? [], own)
    const isOwn = (peer: Peer) => 'namespace' in peer && peer.namespace === own
    return Object.entries(peers).flatMap(([from, a]) =>
      Object.entries(peers)
        .filter(([to, b]) => from !== to && (isOwn(a) || isOwn(b)))
        .flatMap(([to, b]) =>
          ports.filter((port) => may(a, b, port)).map((port) => `${from} > ${to} ${port}`),
        ),
    )
  }

  it('of one gateway allow four connections and no other', () => {
    expect(possible('overlays/single').toSorted()).toEqual(expected)
  })

  it('of several gateways allow Redis besides, for gateways alone', () => {
    expect(possible('overlays/redis').toSorted()).toEqual([...expected, 'gateway > redis 6379'].toSorted())
  })

  it('would allow everything if there were none', () => {
    const may = judging([], own)
    expect(may(internet, ollama, 11434) && may(ollama, internet, 443)).toBe(true)
  })

  it('let the job that pulls models out to registries, not into private networks', () => {
    const may = judging([...(builds.get('overlays/single') ?? []), ...(builds.get('pull') ?? [])], own)
    const pull = inside('ollama-pull')
    expect(may(pull, internet, 443)).toBe(true)
    for (const address of ['10.0.0.1', '172.20.0.1', '192.168.1.1', '169.254.169.254'])
      expect([address, may(pull, { address }, 443)]).toEqual([address, false])
    for (const peer of [gateway, ollama, client])
      expect(may(peer, pull, 11434) || may(pull, peer, 443)).toBe(false)
  })
})

it('scales by a metric that the gateway has, what there is', async () => {
  const { scaleTargetRef, metrics } = specOf<{
    scaleTargetRef: { kind: string; name: string }
    metrics: [{ pods: { metric: { name: string } } }]
  }>('overlays/redis', 'HorizontalPodAutoscaler', 'gateway')
  expect(specOf('overlays/redis', scaleTargetRef.kind, scaleTargetRef.name)).not.toHaveProperty('replicas')
  expect(await createMetrics().registry.metrics()).toContain(`# TYPE ${metrics[0].pods.metric.name} gauge`)
})

it('is scraped at a service and a port that there are, with the token', () => {
  const monitor = specOf<{
    selector: { matchLabels: Labels }
    endpoints: { port: string; authorization: { credentials: { name: string; key: string } } }[]
  }>('overlays/single', 'ServiceMonitor', 'torwart')
  const service = find('overlays/single', 'Service', 'gateway-pods')
  expect(service?.metadata.labels).toEqual(monitor.selector.matchLabels)
  expect(service?.spec?.ports).toContainEqual(expect.objectContaining({ name: monitor.endpoints[0]?.port }))
  const { name = '', key = '' } = monitor.endpoints[0]?.authorization.credentials ?? {}
  expect(find('overlays/single', 'Secret', name)?.data).toHaveProperty(key)
})

const hasRedis = (() => {
  try {
    return execFileSync('redis-server', ['--version']).length > 0
  } catch {
    return false
  }
})()

it.skipIf(!hasRedis)('starts a Redis that wants the password of the secret', async () => {
  const { command = [] } =
    workloads.find(({ name }) => name === 'redis')?.spec.template.spec.containers[0] ?? {}
  const configuration = find('overlays/redis', 'ConfigMap', 'redis')?.data?.['redis.conf'] ?? ''
  const port = await freePort()
  writeFileSync(join(folder, 'redis.conf'), `${configuration}port ${port}\n`)
  writeFileSync(join(folder, 'redis-password'), 'secret')
  const [program = '', ...words] = command.map((word) =>
    word.replaceAll(/\/(run\/secrets|etc)\/redis\//g, `${folder}/`),
  )
  const child = spawn(program, words, { stdio: 'ignore' })
  try {
    const ask = (text: string) =>
      new Promise<string>((resolve, reject) => {
        const socket = connect(port, '127.0.0.1', () => socket.write(text))
        socket.once('data', (bytes) => resolve(String(bytes)) ?? socket.destroy()).once('error', reject)
      })
    const refused = await until(() => ask('PING\r\n').catch(() => undefined))
    expect(refused).toMatch(/^-NOAUTH/)
    expect(await ask('AUTH secret\r\n')).toBe('+OK\r\n')
  } finally {
    child.kill()
  }
})

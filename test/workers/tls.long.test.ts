/** TLS and client certificates with two workers: both serve it, and both take a new certificate. */
import { X509Certificate } from 'node:crypto'
import { copyFileSync } from 'node:fs'
import { connect } from 'node:tls'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Authority, createAuthority } from '../rig/certificates.ts'
import { type ModelServer, startModelServer } from '../rig/model-server.ts'
import { ask } from '../rig/tls.ts'
import { until } from '../rig/wait.ts'
import { type RunningWorkers, startWorkers } from '../rig/workers.ts'

let authority: Authority
let model: ModelServer
let gate: RunningWorkers
let first: ReturnType<Authority['issue']>
let client: ReturnType<Authority['issue']>

beforeAll(async () => {
  authority = createAuthority()
  first = authority.issue({ usage: 'serverAuth' })
  client = authority.issue({
    subject: '/CN=agent',
    names: 'URI:spiffe://example.org/agent',
    usage: 'clientAuth',
  })
  authority.writeCrl()
  const { certFile, crlFile } = authority
  model = await startModelServer()
  gate = await startWorkers({
    upstream: model.url,
    role: '    { routes: [chat], models: ["smollm2:*"], limits: { requestsPerMinute: unlimited } }',
    tls: `{ cert: "${first.certFile}", key: "${first.keyFile}", clientCa: "${certFile}", crl: "${crlFile}", clientCert: required }`,
    more: 'certificates: [{ match: { uri: "spiffe://example.org/*" }, name: workload, role: agent }]\n',
  })
})
afterAll(async () => {
  await gate?.close()
  await model?.close()
  authority?.close()
})

const serial = ({ cert }: { readonly cert: string }) => new X509Certificate(cert).serialNumber

/** The serial numbers that so many new connections are shown. */
async function shown(connections: number): Promise<string[]> {
  const { port } = new URL(gate.data)
  const one = () =>
    new Promise<string>((resolve, reject) => {
      const socket = connect(
        { port: Number(port), host: '127.0.0.1', ca: authority.cert, cert: client.cert, key: client.key },
        () => {
          resolve(socket.getPeerCertificate().serialNumber)
          socket.destroy()
        },
      )
      socket.on('error', reject)
    })
  return Promise.all(Array.from({ length: connections }, one))
}

it('knows callers by their certificates at both workers, and both take a new certificate', async () => {
  const { data } = gate
  const body = { model: 'smollm2:135m', stream: false, messages: [{ role: 'user', content: 'hi' }] }
  const answers = await Promise.all(
    Array.from({ length: 12 }, () => ask(`${data}/api/chat`, { ca: authority.cert, leaf: client }, { body })),
  )
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200))
  const records = gate.records().filter(({ identity }) => identity)
  expect(records.map(({ identity }) => identity)).toEqual(
    answers.map(() => expect.objectContaining({ kind: 'certificate', role: 'agent' })),
  )
  expect(new Set(records.map(({ chain }) => chain))).toEqual(new Set(['w1', 'w2']))
  expect(new Set(await shown(8))).toEqual(new Set([serial(first)]))

  const second = authority.issue({ usage: 'serverAuth' })
  copyFileSync(second.keyFile, first.keyFile)
  copyFileSync(second.certFile, first.certFile)
  await until(async () => (await shown(8)).every((number) => number === serial(second)))
})

/** The rival: bare `@fastify/http-proxy`, tuned (keep-alive, connections for all of the load), guarding nothing. */
import httpProxy from '@fastify/http-proxy'
import { fastify } from 'fastify'

const [port, upstream] = [Number(process.argv[2]), process.argv[3] ?? '']
export const undici = { connections: 128, pipelining: 1, keepAliveTimeout: 60_000 }

const app = fastify({ logger: false, bodyLimit: 8 * 1024 * 1024 })
await app.register(httpProxy, { upstream, undici, disableRequestLogging: true })
await app.listen({ port, host: '127.0.0.1' })
process.stdout.write('ready\n')

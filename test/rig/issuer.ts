/** An issuer of tokens, as an identity provider is one: discovery, published keys that can be rolled, and faults. */
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, exportSPKI, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose'

export interface Issuer {
  readonly url: string
  /** Paths that were asked for. */
  readonly asked: string[]
  /** What is published; a test may add what does not belong there. */
  readonly published: JWK[]
  /** PEM of the key in use. */
  publicKey(): Promise<string>
  /** A new key from now on. `keep`: the old one stays published. */
  roll(keep?: boolean): Promise<void>
  /** A claim that is undefined is left out. */
  sign(claims?: Readonly<Record<string, unknown>>, header?: Record<string, unknown>): Promise<string>
  /** Answers requests instead of the usual. */
  answer: ((path: string, response: ServerResponse) => void) | undefined
  close(): Promise<void>
}

export const audience = 'torwart-test'

export async function startIssuer(algorithm = 'ES256'): Promise<Issuer> {
  const asked: string[] = []
  const published: JWK[] = []
  let count = 0
  let kid = ''
  let pair = await generateKeyPair(algorithm, { extractable: true })
  const server = createServer((request, response) => {
    const path = request.url ?? ''
    asked.push(path)
    if (issuer.answer) return issuer.answer(path, response)
    response.setHeader('content-type', 'application/json')
    if (path === '/.well-known/openid-configuration')
      return response.end(JSON.stringify({ issuer: issuer.url, jwks_uri: `${issuer.url}/jwks` }))
    return response.end(JSON.stringify({ keys: published }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const issuer: Issuer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    published,
    answer: undefined,
    publicKey: () => exportSPKI(pair.publicKey),
    async roll(keep = true) {
      pair = await generateKeyPair(algorithm, { extractable: true })
      kid = `key-${count++}`
      if (!keep) published.length = 0
      published.push({ ...(await exportJWK(pair.publicKey)), kid, alg: algorithm, use: 'sig' })
    },
    sign(claims = {}, header = {}) {
      const now = Math.floor(Date.now() / 1000)
      const whole = {
        iss: issuer.url,
        aud: audience,
        sub: 'agent-7',
        iat: now,
        exp: now + 300,
        ...claims,
      } as JWTPayload
      return new SignJWT(whole).setProtectedHeader({ alg: algorithm, kid, ...header }).sign(pair.privateKey, {
        crit: Object.fromEntries(((header.crit as string[] | undefined) ?? []).map((name) => [name, true])),
      })
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  await issuer.roll()
  return issuer
}

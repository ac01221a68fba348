/** The five questions of `torwart init`: from options, or asked one line each. */

import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { urlFault } from '../../policy/url-fault.ts'
import { type Io, type Option, textOf, UsageError, type Values } from '../command.ts'

/** Who starts the gateway. */
export const services = ['systemd', 'compose', 'none'] as const
/** One of the services. */
export type Service = (typeof services)[number]

/** Roles that the policy of `init` has. */
export const initialRoles = ['user', 'agent'] as const

/** What the files are made from. */
export interface Answers {
  /** Scheme, host and port of the model server. */
  readonly upstream: string
  /** Absolute paths of PEM files; undefined: plain HTTP on loopback. */
  readonly tls: { readonly cert: string; readonly key: string } | undefined
  readonly redis: string | undefined
  readonly service: Service
  readonly key: { readonly name: string; readonly role: string }
}

/** A question with its option, its default and its form. */
interface Question<T> {
  readonly option: string
  readonly text: string
  readonly standard: string
  /** @throws UsageError */
  read(answer: string): T
}

const upstream: Question<string> = {
  option: 'upstream',
  text: 'URL of the model server (Ollama, LocalAI or another with OpenAI’s API)',
  standard: 'http://127.0.0.1:11434',
  read(answer) {
    const fault = urlFault(answer, { schemes: ['http:', 'https:'], isShown: true })
    if (fault !== undefined) throw new UsageError(`The URL of the model server ${fault}.`)
    const { origin, pathname, username } = new URL(answer)
    if (pathname !== '/' || username !== '')
      throw new UsageError('The URL of the model server has a path or a user; leave out both.')
    return origin
  },
}

const tls: Question<Answers['tls']> = {
  option: 'tls',
  text: 'Certificate and private key for TLS, as CERT.pem,KEY.pem; empty: plain HTTP on loopback',
  standard: '',
  read(answer) {
    if (answer === '') return undefined
    const [cert, key, ...others] = answer.split(',').map((path) => path.trim())
    if (!cert || !key || others.length > 0) throw new UsageError('TLS needs two files: CERT.pem,KEY.pem.')
    return { cert: resolve(cert), key: resolve(key) }
  },
}

const redis: Question<string | undefined> = {
  option: 'redis',
  text: 'URL of the Redis that several gateways share; empty: none',
  standard: '',
  read(answer) {
    if (answer === '') return undefined
    const fault = urlFault(answer, { schemes: ['redis:', 'rediss:'], isShown: false })
    if (fault !== undefined) throw new UsageError(`The URL of Redis ${fault}.`)
    return answer
  },
}

const service: Question<Service> = {
  option: 'service',
  text: `What starts the gateway: ${services.join(', ')}`,
  standard: 'none',
  read(answer) {
    const found = services.find((each) => each === answer)
    if (found === undefined) throw new UsageError(`The service must be one of ${services.join(', ')}.`)
    return found
  },
}

const key: Question<Answers['key']> = {
  option: 'key',
  text: `Name and role of the first key, as NAME:ROLE; roles are ${initialRoles.join(' and ')}`,
  standard: 'me:user',
  read(answer) {
    const [name = '', role = 'user', ...others] = answer.split(':')
    if (name === '' || others.length > 0 || !initialRoles.some((each) => each === role))
      throw new UsageError(`The key must be NAME:ROLE, with the role ${initialRoles.join(' or ')}.`)
    return { name, role }
  },
}

/** The options that answer the questions, and `--yes`. */
export const answerOptions: readonly Option[] = [
  { flags: '--upstream <url>', description: upstream.text },
  { flags: '--tls <files>', description: tls.text },
  { flags: '--redis <url>', description: redis.text },
  { flags: '--service <service>', description: service.text },
  { flags: '--key <name:role>', description: key.text },
  { flags: '--yes', description: 'ask nothing; take the default of what no option says' },
]

/**
 * Returns the answers given by options; asks for the others on stderr, unless `--yes` is given.
 * @throws UsageError for an option that is no answer, and if stdin ends before the last one
 */
export async function readAnswers(values: Values, io: Io): Promise<Answers> {
  const lines = values.yes === true ? undefined : createInterface({ input: io.input })
  const next = lines?.[Symbol.asyncIterator]()
  const answer = async <T>(question: Question<T>): Promise<T> => {
    if (values[question.option] !== undefined) return question.read(textOf(values, question.option))
    if (next === undefined) return question.read(question.standard)
    for (;;) {
      io.err(`${question.text}${question.standard === '' ? '' : ` [${question.standard}]`}: `)
      const line = await next.next()
      if (line.done === true)
        throw new UsageError('\nstdin ended before the last answer. Use --yes to ask nothing.')
      try {
        return question.read(line.value.trim() || question.standard)
      } catch (error) {
        if (!(error instanceof UsageError)) throw error
        io.err(`${error.message}\n`)
      }
    }
  }
  try {
    return {
      upstream: await answer(upstream),
      tls: await answer(tls),
      redis: await answer(redis),
      service: await answer(service),
      key: await answer(key),
    }
  } finally {
    lines?.close()
  }
}

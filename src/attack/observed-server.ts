/** The scripted model server of a run: keeps what arrives, and answers as the attack under way says. */
import { isObject, type JsonValue, objectsIn } from '../core/json.ts'
import { randomHex } from '../core/random.ts'
import type { Asked, Reply, ScriptedCall } from '../scripted-server/reply.ts'
import { type ScriptedServer, startScriptedServer } from '../scripted-server/server.ts'

/** What the model answers, without placeholders but `{received}`. */
export interface ScriptedAnswer {
  readonly text: string
  readonly calls: readonly ScriptedCall[]
  readonly usage?: { readonly input: number; readonly output: number }
  readonly holds: boolean
}

/** What arrives at several scripted servers. */
export interface ObservedServers {
  /** One for each upstream of the policy. */
  readonly urls: readonly string[]
  /** Requests since the last `begin`, without those that a gateway makes by itself. */
  readonly seen: readonly Asked[]
  /** Most requests at the same time since then. */
  readonly peak: number
  /** Forgets what was seen, and answers like this from now on. */
  begin(answer: ScriptedAnswer): void
  /** Answers like this from now on, or as the request asks for. */
  answer(answer: ScriptedAnswer | ((asked: Asked) => ScriptedAnswer)): void
  /** Answers all that is held. */
  release(): void
  /** From now on there are other models under the same names. */
  replaceModels(): void
  close(): Promise<void>
}

/** What a gateway asks for itself. */
const own = /^(?:GET \/(?:api\/(?:tags|ps|version)|v1\/models)?|POST \/api\/show)$/
/** Answers to guard models: safe. */
const guardAnswer = 'safe'
const maxSeen = 20_000

/**
 * Starts servers that all have the same models.
 * @param count how many
 * @param guardModels names of models that judge texts; they find everything harmless
 */
export async function startObservedServers(
  count: number,
  models: readonly string[],
  guardModels: ReadonlySet<string> = new Set(),
): Promise<ObservedServers> {
  const observed = new Observed(models, guardModels)
  const servers: ScriptedServer[] = []
  for (let at = 0; at < count; at++)
    servers.push(
      await startScriptedServer({
        models: () => observed.models,
        onRequest: (asked) => observed.note(asked),
        reply: (asked) => observed.reply(asked),
        elsewhere: () => ({ status: 'success' }),
        isLenient: true,
      }),
    )
  return {
    urls: servers.map(({ url }) => url),
    get seen() {
      return observed.seen
    },
    get peak() {
      return observed.peak
    },
    begin: (answer) => observed.begin(answer),
    answer: (answer) => observed.answer(answer),
    release: () => observed.release(),
    replaceModels: () => observed.replaceModels(),
    async close() {
      observed.release()
      await Promise.all(servers.map((each) => each.close()))
    },
  }
}

class Observed {
  models: { name: string; digest: string }[]
  seen: Asked[] = []
  peak = 0
  readonly #guardModels: ReadonlySet<string>
  #answer: ScriptedAnswer | ((asked: Asked) => ScriptedAnswer) = { text: '', calls: [], holds: false }
  #held: (() => void)[] = []

  constructor(names: readonly string[], guardModels: ReadonlySet<string>) {
    this.models = names.map((name) => ({ name, digest: randomHex(32) }))
    this.#guardModels = guardModels
  }

  note(asked: Asked): void {
    const [path = ''] = asked.url.split('?')
    const isOwn = own.test(`${asked.method} ${path}`) && asked.headers.traceparent === undefined
    if (isOwn || this.#judges(asked) || this.seen.length >= maxSeen) return
    this.seen.push(asked)
  }

  async reply(asked: Asked): Promise<Reply> {
    if (this.#judges(asked)) return { text: guardAnswer }
    const given = this.#answer
    const { text, calls, usage, holds } = typeof given === 'function' ? given(asked) : given
    if (holds) {
      const waiting = new Promise<void>((resolve) => this.#held.push(resolve))
      this.peak = Math.max(this.peak, this.#held.length)
      await waiting
    }
    return {
      text: text.replaceAll('{received}', () => textsOf(asked)),
      ...(calls.length > 0 ? { calls } : {}),
      ...(usage ? { usage } : {}),
    }
  }

  answer(answer: ScriptedAnswer | ((asked: Asked) => ScriptedAnswer)): void {
    this.#answer = answer
  }

  begin(answer: ScriptedAnswer): void {
    this.release()
    this.#answer = answer
    this.seen = []
    this.peak = 0
  }

  release(): void {
    for (const free of this.#held.splice(0)) free()
  }

  replaceModels(): void {
    this.models = this.models.map(({ name }) => ({ name, digest: randomHex(32) }))
  }

  #judges({ body }: Asked): boolean {
    return typeof body.model === 'string' && this.#guardModels.has(body.model)
  }
}

function textsOf({ body }: Asked): string {
  const contents = objectsIn(body.messages).map(({ content }) => content)
  return [body.system, body.instructions, body.prompt, ...contents].flatMap(stringsIn).join('\n')
}

/** All strings of a value, wherever they stand. */
export function stringsIn(value: JsonValue | undefined): readonly string[] {
  if (typeof value === 'string') return [value]
  if (Array.isArray(value)) return value.flatMap(stringsIn)
  return isObject(value) ? Object.values(value).flatMap(stringsIn) : []
}

/** Finished requests as the observers of a gateway get them, for measuring the observers alone: many unlike ones, of few keys and models. */

/** What varies from request to request, as in a busy gateway. */
export interface SettledOptions {
  readonly keys: number
  readonly models: number
}

const words =
  'The capital of France is Paris because it has been the seat of kings and parliaments for most of its long history and the roads lead there '.split(
    ' ',
  )

/** Makes one request that a model has answered with some 700 characters. */
export function settledRequest(number: number, atMs: number, { keys, models }: SettledOptions): object {
  const key = `key-${number % keys}`
  const model = `llama3.${number % models}`
  const digest = `sha256:${String(number % models).padStart(64, 'a')}`
  const id = `req_${number.toString(36).padStart(20, '0')}`
  const usage = { input: 100 + (number % 50), output: 150 + (number % 70) }
  const ms = 5 + (number % 13)
  const answer = {
    ...{ status: 200, text: answerText(number), toolCalls: [], truncated: false, usage },
    ...{ firstByteMs: ms / 2, firstTokenMs: ms / 2 },
  }
  const ending = { kind: 'answered', answer }
  const arrivedAtMs = number * 1.37
  const identity = { kind: 'key', id: key, name: 'bench', role: 'agent' }
  const upstream = { name: 'local', kind: 'ollama' }
  const endpoint = { kind: 'exchange', method: 'POST', path: '/api/chat', group: 'chat' }
  const trace = `00-${String(number).padStart(32, '0')}-b7ad6b7169203331-01`
  const part = (name: string, from: number, to: number, of?: string, status?: number) => ({
    ...{ name, fromMs: arrivedAtMs + from, toMs: arrivedAtMs + to, of, status },
  })
  return {
    written: () => [],
    endedAtMs: atMs,
    record: {
      ...{ time: new Date(atMs).toISOString(), id, route: '/api/chat', dialect: 'ollama', upstream: 'local' },
      ...{ identity, model: { asked: model, served: model, digest }, policy: '4f2a9c01d3', usage },
      ...{ findings: [], approvals: [], ending: { kind: 'answered', code: null, status: 200 } },
      timing: { totalMs: ms, queuedMs: 0.01, guardMs: 0.4, firstByteMs: ms / 2 },
    },
    content: { session: null, answer: { text: { channel: 'answer', text: answer.text }, toolCalls: [] } },
    context: {
      ...{ id, identity, endpoint, upstream, arrivedAtMs, ending, peer: '10.1.2.3', route: '/api/chat' },
      ...{ model: { served: model }, target: { listed: true, upstreams: [upstream] }, role: agent, dialect },
      ...{ policy: { upstreams: [upstream], telemetry: { otlp: { content: 'none', metrics: true } } } },
      prompt: { stream: false, texts: [{ text: 'You are a helpful assistant.' }, { text: answer.text }] },
      timeline: { parts: [part('guards', 0.1, 0.5), part('upstream', 0.6, ms, 'local', 200)], omitted: 0 },
      trace: { traceparent: trace, onward: trace, span: 'c7ad6b7169203331' },
      ...{ work: { status: 200, answer, carried: 0, ms: ms - 1 }, findings: [], opinion: undefined },
    },
    ending,
  }
}

const agent = { promptGuard: { mode: 'enforce' } }
const dialect = { name: 'ollama', endpoints: [] }

/** No two alike, and each one piece of memory, as an answer that was read. */
function answerText(number: number): string {
  let text = `${number}.`
  for (let at = 0; text.length < 700; at++) text += ` ${words[(number * 7 + at * 3) % words.length]}`
  return JSON.parse(JSON.stringify(text))
}

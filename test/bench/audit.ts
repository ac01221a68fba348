/** What the audit log costs a request, and how long a large one takes to verify, in how much memory. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

interface Audit {
  append(record: object, content: object): Promise<void>
  settled(): Promise<void>
  close(): Promise<void>
}
type OpenAudit = (options: object) => Promise<Audit>

const modules = join(import.meta.dirname, '../dist-modules')
const perTurn = 500
const segmentBytes = 256 * 1024 ** 2

const policyText = `version: 1
upstreams: [{ name: local, url: "http://127.0.0.1:11434", kind: ollama }]
roles: { agent: { routes: [chat], models: ["*"] } }
`

/** Like that of a short chat. */
function recordOf(index: number): { record: object; content: object } {
  const text = `Question ${index}: what is the capital of France and why is it so? ${'Please give a reason. '.repeat(8)}`
  const record = {
    time: new Date(1_790_000_000_000 + index).toISOString(),
    id: `b1946ac92492d2347c-${index.toString(36)}`,
    traceparent: `00-4bf92f3577b34da6a3ce929d0e0e4736-${index.toString(16).padStart(16, '0')}-00`,
    span: index.toString(16).padStart(16, '0'),
    identity: { kind: 'key', id: 'Abc123Def456', name: `agent ${index % 50}`, role: 'agent' },
    route: '/api/chat',
    dialect: 'ollama',
    upstream: 'local',
    model: { asked: 'llama3.2', served: 'llama3.2:latest', digest: 'a'.repeat(64) },
    policy: '0123456789ab',
    findings: [],
    dropped: [],
    clamped: [],
    unread: [],
    usage: { input: 110, output: 70 },
    limits: { requests: { scope: 'key', limit: 1000, remaining: index % 1000 } },
    ending: { kind: 'answered', code: null, status: 200 },
    timing: { queuedMs: 0.011, firstByteMs: 1.513, totalMs: 1.6, guardMs: 0.1, guardWork: 1200 },
  }
  const answer = { text: { channel: 'assistant', text: text.repeat(2) }, toolCalls: [], truncated: false }
  return {
    record,
    content: {
      peer: '10.0.0.1',
      agent: null,
      session: null,
      prompt: [
        { channel: 'system', text: 'You are a helpful assistant for our team.' },
        { channel: 'user', text },
      ],
      answer,
    },
  }
}

/** @returns a section of the report */
export async function verifyMany(count: number): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'torwart-many-'))
  const file = join(folder, 'audit.jsonl')
  try {
    const { openAudit } = (await import(join(modules, 'audit/audit.js'))) as { openAudit: OpenAudit }
    const { systemClock } = (await import(join(modules, 'core/clock.js'))) as { systemClock: object }
    const audit = await openAudit({
      file,
      settings: {
        sync: 'none',
        segmentBytes,
        retentionMs: 1e15,
        checkpoint: { records: 1000, everyMs: 60_000 },
      },
      clock: systemClock,
      processes: { pid: process.pid, isAlive: () => true },
      about: {},
      report: (problem: string, error: unknown) => process.stderr.write(`${problem} ${String(error)}\n`),
    })
    for (let index = 0; index < count; index += perTurn) {
      const batch = Array.from({ length: perTurn }, (_, each) => recordOf(index + each))
      await Promise.all(batch.map(({ record, content }) => audit.append(record, content)))
    }
    await audit.settled()
    await audit.close()
    const verified = await measured(['audit', 'verify', file])
    const exported = await measured(['audit', 'show', file, '--finding', 'any'])
    const policy = join(folder, 'torwart.yaml')
    writeFileSync(policy, policyText)
    const used = await measured(['usage', file, '--since', '2020-01-01', '-c', policy])
    return `
## A log of ${count} records

| | seconds | MiB at most |
|---|---|---|
| \`audit verify\` | ${verified.seconds.toFixed(1)} | ${verified.maxMiB.toFixed(0)} |
| \`audit show --finding any\` (a walk over all) | ${exported.seconds.toFixed(1)} | ${exported.maxMiB.toFixed(0)} |
| \`usage\` | ${used.seconds.toFixed(1)} | ${used.maxMiB.toFixed(0)} |

${verified.output.trim()}`
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function measured(
  words: readonly string[],
): Promise<{ seconds: number; maxMiB: number; output: string }> {
  const begun = performance.now()
  const child: ChildProcess = spawn(process.execPath, [join(modules, 'main.js'), ...words], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  let maxMiB = 0
  child.stdout?.on('data', (piece: Buffer) => {
    output = (output + piece.toString()).slice(-2000)
  })
  const watch = setInterval(() => {
    maxMiB = Math.max(maxMiB, peakMiB(child.pid ?? 0))
  }, 50)
  const code = await new Promise((resolve) => child.on('exit', resolve))
  clearInterval(watch)
  if (code !== 0) throw new Error(`${words.join(' ')} ended with ${code}: ${output}`)
  return { seconds: (performance.now() - begun) / 1000, maxMiB, output }
}

function peakMiB(pid: number): number {
  try {
    const [, kib] = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
    return Number(kib ?? 0) / 1024
  } catch {
    return 0
  }
}

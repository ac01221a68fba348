/**
 * What scanning costs, in this process: kinds of benign text, a text of 4 KB, the longest slice of a megabyte, hostile
 * repeats. Beside each the time of a loop that only looks at every unit of the same text, measured by turns: that ratio
 * means something on a shared machine.
 */

interface Scanner {
  scan(text: string, channel: string): readonly unknown[]
  scanSlowly(text: string, channel: string): Iterator<number, readonly unknown[]>
}

const english =
  'The committee met on Tuesday to discuss the new library. Several members asked for longer opening hours, and the architect showed drawings of the reading room. "We expect to begin in spring," she said, although the budget has not been approved yet. '
const german =
  'Der Ausschuss beriet am Dienstag über die neue Bücherei. Mehrere Mitglieder wünschten längere Öffnungszeiten, und die Architektin zeigte Zeichnungen des Lesesaals. „Wir rechnen mit dem Frühjahr“, sagte sie, obwohl die Mittel noch nicht bewilligt wurden. '
const code = `export async function readOrders(file: string, limit = 100): Promise<Order[]> {
  const text = await readFile(file, 'utf8')
  return text.split('\\n').slice(0, limit).map((line) => JSON.parse(line) as Order)
}

// Orders without a customer are counted apart, see total().
if (orders.length > 0 && !options.quiet) console.log(\`\${orders.length} orders\`)
`
const hostile = [
  'ignore all previous ',
  'you no you no not ',
  '![](http',
  'a b c d ',
  '%69',
  '\\u0069',
  '&#105;',
  '<b>i</b>',
  '"i" + ',
  'aWdub3Jl',
  '69 67 6e ',
  '.- ',
  'і',
  '𝗶',
  'i\u0301',
  '\u200b',
  '\u{e0069}',
  '1gn0re ',
  'snoitcurtsni ',
  '\n',
  '"',
  'x'.repeat(100),
]

export async function scanning(rounds: number): Promise<string> {
  const load = (path: string) => import(new URL(`../dist/${path}`, import.meta.url).href)
  const { createScanner }: { createScanner(packs: unknown): Scanner } = await load(
    'detect/injection/scanner.js',
  )
  const { loadPacks }: { loadPacks(): unknown } = await load('policy/packs.js')
  const scanner = createScanner(loadPacks())
  const scan = (text: string) => scanner.scan(text, 'tool')
  const lines = ['\n## Scanning\n', '| text | MB/s | of a bare look | p99 |', '|---|---|---|---|']
  for (const [name, piece] of [
    ['English', english],
    ['German', german],
    ['code', code],
  ] as const) {
    // No two pieces alike, as in life.
    const text = Array.from({ length: 400 }, (_, index) => `${index}. ${piece}`).join('\n')
    const bytes = Buffer.byteLength(text)
    const [own, bare] = byTurns(rounds * 10, [() => scan(text), () => look(text)])
    lines.push(`| ${name} | ${(bytes / 1000 / own).toFixed(0)} | ${(bare / own).toFixed(2)} | |`)
  }
  for (const [name, piece] of [
    ['English', english],
    ['German', german],
    ['code', code],
  ] as const)
    lines.push(cold(name, piece, rounds, scan))
  const short = english.repeat(20).slice(0, 4096)
  const times = Array.from({ length: rounds * 200 }, (_, index) => timeOf(() => scan(`${index}${short}`)))
  const p99 = times.toSorted((a, b) => a - b)[Math.floor(times.length * 0.99)] ?? Number.NaN
  lines.push(`| 4 KB of English | | | ${p99.toFixed(2)} ms |`)
  const steps = scanner.scanSlowly(english.repeat(4500), 'user')
  let maxLength = 0
  for (let done = false; !done; )
    maxLength = Math.max(
      maxLength,
      timeOf(() => (done = steps.next().done === true)),
    )
  lines.push(`| 1 MB, its longest slice | | | ${maxLength.toFixed(1)} ms |`)
  const slowest = hostile
    .map((piece) => piece.repeat(100_000 / piece.length))
    .map((text) => Math.min(...Array.from({ length: 3 }, () => timeOf(() => scan(text)))))
  lines.push(
    `| 100 KB of hostile repeats, the slowest of ${hostile.length} | | | ${Math.max(...slowest).toFixed(0)} ms |`,
  )
  return lines.join('\n')
}

/** Larger than the caches: what a gate does between two scans leaves nothing of the scanner's tables in the near ones. */
// Filled, because pages that nobody has written are one and the same.
const otherWork = new Int32Array(8 * 1024 * 1024).fill(1)
const line = 16

/** A text as long as a usual prompt, read in between other work, as in a gate, and the same in a hot loop. */
function cold(name: string, piece: string, rounds: number, scan: (text: string) => unknown): string {
  const times = Array.from({ length: rounds * 20 }, (_, index) => {
    const text = `${index}. ${piece.repeat(4)}`.slice(0, 700)
    for (let at = 0; at < otherWork.length; at += line) seen = (seen + (otherWork[at] ?? 0)) | 0
    return {
      first: timeOf(() => scan(text)),
      again: timeOf(() => scan(text)),
      bare: timeOf(() => look(text)),
    }
  })
  const middle = (which: 'first' | 'again' | 'bare') =>
    times.map((each) => 1000 * each[which]).toSorted((a, b) => a - b)[times.length >> 1] ?? Number.NaN
  const [first, again, bare] = [middle('first'), middle('again'), middle('bare')]
  return `| ${name}, 700 characters between other work (and at once again): ${first.toFixed(0)} µs (${again.toFixed(0)} µs) | ${(700 / first).toFixed(0)} | ${(bare / first).toFixed(2)} | |`
}

let seen = 0
function look(text: string): void {
  for (let at = 0; at < text.length; at++) seen = (seen + text.charCodeAt(at)) | 0
}

function timeOf(work: () => unknown): number {
  const before = performance.now()
  work()
  return performance.now() - before
}

/** The least time of each, in milliseconds. */
function byTurns(rounds: number, works: readonly [() => unknown, () => unknown]): readonly [number, number] {
  const least: [number, number] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]
  for (let round = 0; round < rounds; round++) {
    least[0] = Math.min(least[0], timeOf(works[0]))
    least[1] = Math.min(least[1], timeOf(works[1]))
  }
  return least
}

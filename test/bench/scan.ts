/**
 * What scanning and masking cost, in this process: MB/s beside a loop that only looks at every unit of the same text,
 * measured by turns, because that ratio means something on a shared machine; a usual prompt hot and between other work; the
 * longest slice of a megabyte; hostile repeats.
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

const kinds = [
  ['English', english],
  ['German', german],
  ['code', code],
] as const

/** Units of a text for MB/s: one slice of the scanner, so that a neighbour seldom disturbs a whole look at it. */
const longText = 32_000
/** Units of a usual prompt. */
const prompt = 700
/** What a gate does between two requests, as memory that is read. */
const megabytesBetween = [0, 4, 32]

type Work = (text: string) => unknown

export async function scanning(rounds: number): Promise<string> {
  const load = (path: string) => import(new URL(`../dist-modules/${path}`, import.meta.url).href)
  const { createScanner }: { createScanner(packs: unknown): Scanner } = await load(
    'detect/injection/scanner.js',
  )
  const { loadPacks }: { loadPacks(): unknown } = await load('policy/packs.js')
  const { findSensitive }: { findSensitive: Work } = await load('detect/sensitive/mask.js')
  const packs = loadPacks()
  const started = process.cpuUsage()
  const scanner = createScanner(packs)
  const { user, system } = process.cpuUsage(started)
  const scan = (text: string) => scanner.scan(text, 'tool')
  const works = { scan, mask: findSensitive }
  for (let index = 0; index < 300; index++)
    for (const [, piece] of kinds)
      for (const work of Object.values(works)) work(`${index}. ${piece.repeat(3)}`)
  return [
    '\n## Scanning and masking\n',
    `The scanner is made in ${((user + system) / 1000).toFixed(0)} ms of CPU.\n`,
    '| text | MB/s of a bare look | scan: MB/s, times a bare look | mask: MB/s, times a bare look |\n|---|---|---|---|',
    ...kinds.map(([name, piece]) => hot(name, piece, rounds, works)),
    `\n| ${prompt} characters, µs (median, least eighth) | ${megabytesBetween.map((each) => (each === 0 ? 'hot' : `after ${each} MB`)).join(' | ')} |\n|---|---|---|---|`,
    ...kinds.flatMap(([name, piece]) =>
      Object.entries(works).map(([way, work]) => cold(`${name}, ${way}`, piece, rounds, work)),
    ),
    '',
    ...extremes(rounds, scanner, scan),
  ].join('\n')
}

/** MB/s, the least of many looks by turns with a bare one. */
function hot(name: string, piece: string, rounds: number, works: Readonly<Record<string, Work>>): string {
  // No two pieces alike, as in life.
  const pieces = Array.from({ length: 130 }, (_, index) => `${index}. ${piece}`)
  const text = flat(pieces.join('\n').slice(0, longText))
  const bytes = Buffer.byteLength(text)
  const cells = Object.values(works).map((work) => {
    const [own, bare] = byTurns(rounds * 60, [() => work(text), () => look(text)])
    return {
      bare: bytes / 1000 / bare,
      own: `${(bytes / 1000 / own).toFixed(0)}, ${(own / bare).toFixed(1)}`,
    }
  })
  return `| ${name} | ${Math.max(...cells.map(({ bare }) => bare)).toFixed(0)} | ${cells.map(({ own }) => own).join(' | ')} |`
}

/** Larger than the near caches: what a gate does between two scans leaves little of the scanner's tables there. */
// Filled, because pages that nobody has written are one and the same.
const otherWork = new Int32Array(8 * 1024 * 1024).fill(1)
const line = 16
const perMegabyte = 262_144

/** A text as long as a usual prompt, read in between other work, as in a gate; none of them twice. */
function cold(name: string, piece: string, rounds: number, work: Work): string {
  let count = 0
  const next = () => flat(`${count++}. ${piece.repeat(4)}`.slice(0, prompt))
  const cells = megabytesBetween.map((megabytes) => {
    const times = Array.from({ length: rounds * 20 }, () => {
      const text = next()
      for (let at = 0; at < megabytes * perMegabyte; at += line) seen = (seen + (otherWork[at] ?? 0)) | 0
      if (megabytes === 0) work(next())
      return 1000 * timeOf(() => work(text))
    }).toSorted((a, b) => a - b)
    return `${times[times.length >> 1]?.toFixed(0)} (${times[times.length >> 3]?.toFixed(0)})`
  })
  return `| ${name} | ${cells.join(' | ')} |`
}

/** One piece in memory, with a byte for a unit where it can be, as requests are read. */
function flat(text: string): string {
  return JSON.parse(JSON.stringify(text))
}

function extremes(rounds: number, scanner: Scanner, scan: Work): readonly string[] {
  const short = english.repeat(20).slice(0, 4096)
  const times = Array.from({ length: rounds * 200 }, (_, index) => timeOf(() => scan(`${index}${short}`)))
  const p99 = times.toSorted((a, b) => a - b)[Math.floor(times.length * 0.99)] ?? Number.NaN
  const longest = Math.min(...Array.from({ length: 5 }, () => longestSlice(scanner, english.repeat(4500))))
  const least = (text: string) => Math.min(...Array.from({ length: 5 }, () => timeOf(() => scan(text))))
  const prose = least(english.repeat(100_000 / english.length))
  const slowest = Math.max(...hostile.map((piece) => least(piece.repeat(100_000 / piece.length))))
  return [
    `4 KB of English, p99: ${p99.toFixed(2)} ms. 1 MB, its longest slice, the least of five: ${longest.toFixed(1)} ms.`,
    `100 KB of hostile repeats, the slowest of ${hostile.length}: ${slowest.toFixed(0)} ms, ${(slowest / prose).toFixed(1)} times prose.`,
  ]
}

function longestSlice(scanner: Scanner, text: string): number {
  const steps = scanner.scanSlowly(text, 'user')
  let longest = 0
  for (let done = false; !done; )
    longest = Math.max(
      longest,
      timeOf(() => (done = steps.next().done === true)),
    )
  return longest
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

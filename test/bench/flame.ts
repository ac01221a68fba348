/** Draws a V8 CPU profile (`node --cpu-prof`) as a flame graph: one SVG, no script, the full name of a frame as its title. */

interface CallFrame {
  readonly functionName: string
  readonly url: string
  readonly lineNumber: number
}

/** The part of the format that is read here (Chrome DevTools Protocol, `Profiler.Profile`). */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: CallFrame
    readonly children?: readonly number[]
  }[]
  readonly samples: readonly number[]
  /** Microseconds before each sample. */
  readonly timeDeltas: readonly number[]
}

interface Frame {
  readonly name: string
  readonly children: Map<string, Frame>
  micros: number
}

const width = 1600
const rowHeight = 17
/** Frames narrower than this, in pixels, are left out. */
const minWidth = 0.5
/** Pixels that a letter takes. */
const letterWidth = 6.5
const idle = new Set(['(idle)', '(program)'])

/** Renders the profile as SVG, without the time in which the process had nothing to do. */
export function flameGraph(profile: CpuProfile): string {
  const root = treeOf(profile)
  const rects: string[] = []
  const depth = draw(root, { x: 0, y: 0, scale: width / (root.micros || 1) }, rects)
  const height = (depth + 1) * rowHeight
  const style = 'text{font:11px monospace;fill:#111}rect{stroke:#fff;stroke-width:.5}'
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}"><style>${style}</style>${rects.join('')}</svg>\n`
}

function treeOf({ nodes, samples, timeDeltas }: CpuProfile): Frame {
  const own = new Map<number, number>()
  for (const [at, id] of samples.entries()) own.set(id, (own.get(id) ?? 0) + (timeDeltas[at] ?? 0))
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const root: Frame = { name: 'all', children: new Map(), micros: 0 }
  const add = (id: number, parent: Frame): number => {
    const node = byId.get(id)
    if (!node || idle.has(node.callFrame.functionName)) return 0
    const name = nameOf(node.callFrame)
    const frame = parent.children.get(name) ?? { name, children: new Map(), micros: 0 }
    parent.children.set(name, frame)
    const below = (node.children ?? []).reduce((sum, child) => sum + add(child, frame), 0)
    const micros = below + (own.get(id) ?? 0)
    frame.micros += micros
    return micros
  }
  const [top] = nodes
  root.micros = (top?.children ?? []).reduce((sum, child) => sum + add(child, root), 0)
  return root
}

function nameOf({ functionName, url, lineNumber }: CallFrame): string {
  const file = url.replace(/^.*\/(?=(?:[^/]+\/){1,2}[^/]+$)/, '')
  return `${functionName || '(anonymous)'}${file && ` ${file}:${lineNumber + 1}`}`
}

/** @returns the number of rows that were drawn */
function draw(frame: Frame, at: { x: number; y: number; scale: number }, rects: string[]): number {
  const wide = frame.micros * at.scale
  if (wide < minWidth) return 0
  const label = escaped(frame.name.slice(0, Math.max(0, Math.floor(wide / letterWidth) - 1)))
  rects.push(
    `<g><title>${escaped(frame.name)}: ${(frame.micros / 1000).toFixed(1)} ms</title><rect x="${at.x.toFixed(1)}" y="${at.y}" width="${wide.toFixed(1)}" height="${rowHeight}" fill="${colourOf(frame.name)}"/><text x="${(at.x + 3).toFixed(1)}" y="${at.y + 12}">${label}</text></g>`,
  )
  let x = at.x
  let deepest = 0
  for (const child of [...frame.children.values()].sort((a, b) => b.micros - a.micros)) {
    deepest = Math.max(deepest, draw(child, { ...at, x, y: at.y + rowHeight }, rects))
    x += child.micros * at.scale
  }
  return deepest + 1
}

/** Ours, a dependency's, Node's and V8's own frames are told apart. */
function colourOf(name: string): string {
  if (name.includes('node_modules')) return '#f2c98a'
  if (name.includes(' node:')) return '#b7d7a8'
  return name.includes(' ') && !name.startsWith('(') ? '#f4a7a0' : '#cfd8dc'
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

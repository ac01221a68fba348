/** The floors of the house: who may import whom, and what may be touched where. */
import { dirname, join, normalize } from 'node:path'
import { describe, expect, it } from 'vitest'
import { functionsOf, sourceFiles, undocumentedOf, unexplainedCastsOf } from './rig/source.ts'

/** A folder imports from itself and from floors below its own; folders on one floor do not import each other. */
const floors: Readonly<Record<string, number>> = {
  core: 1,
  detect: 2,
  dialects: 2,
  models: 2,
  files: 2,
  redis: 2,
  sandbox: 2,
  wire: 2,
  'tool-policy': 3,
  'kill-switch': 3,
  telemetry: 3,
  policy: 4,
  auth: 5,
  connect: 5,
  limits: 5,
  'model-trust': 5,
  approvals: 5,
  anomalies: 5,
  audit: 5,
  upstreams: 5,
  'scripted-server': 5,
  workers: 6,
  pipeline: 6,
  rights: 6,
  doctor: 6,
  attack: 6,
  coverage: 6,
  incident: 6,
  backup: 6,
  demo: 6,
  http: 7,
  server: 8,
  cli: 9,
  console: 10,
  'main.ts': 10,
}

interface File {
  readonly path: string
  readonly room: string
  readonly text: string
  readonly imports: readonly string[]
}

const files: readonly File[] = sourceFiles.map(({ path, text }) => {
  const imports = [...text.matchAll(/(?:^|\n)(?:import|export)\s[^'";]*?from '([^']+)'|import\('([^']+)'\)/g)]
  return {
    path,
    room: path.split('/')[0] ?? '',
    text,
    imports: imports.map(([, from, dynamic]) => from ?? dynamic ?? ''),
  }
})
const localImports = ({ path, imports }: File) =>
  imports.filter((from) => from.startsWith('.')).map((from) => normalize(join(dirname(path), from)))

describe('the house', () => {
  it('has a floor for every room', () => {
    expect(files.length).toBeGreaterThan(50)
    expect([...new Set(files.map(({ room }) => room))].filter((room) => floors[room] === undefined)).toEqual(
      [],
    )
  })

  it('imports only downwards', () => {
    const wrong = files.flatMap((file) =>
      localImports(file)
        .filter((target) => {
          const room = target.split('/')[0] ?? ''
          return room !== file.room && (floors[room] ?? 99) >= (floors[file.room] ?? 0)
        })
        .map((target) => `${file.path} -> ${target}`),
    )
    expect(wrong).toEqual([])
  })

  it('shows in the browser pages that share no code with the gateway, and a playground that shares the scanner', () => {
    const foreign = files
      .filter(({ room }) => room === 'console')
      .flatMap((file) => localImports(file).map((target) => `${file.path} -> ${target}`))
      .filter((line) => !/-> console\/|^console\/playground\/.* -> (core|detect|policy\/packs)\b/.test(line))
    expect(foreign).toEqual([])
  })

  it('keeps the console away from the requests of clients', () => {
    const start = files.filter(({ path }) => /^(pipeline|http\/data|dialects|detect)\//.test(path))
    const byPath = new Map(files.map((file) => [file.path, file]))
    const reached = new Set(start.map(({ path }) => path))
    for (const path of reached) {
      const file = byPath.get(path)
      for (const target of file ? localImports(file) : []) reached.add(target)
    }
    expect(reached.size).toBeGreaterThan(200)
    expect([...reached].filter((path) => /^(console|http\/admin\/(console|signed-in))/.test(path))).toEqual(
      [],
    )
  })

  it('has no cycles', () => {
    const graph = new Map(files.map((file) => [file.path, localImports(file)]))
    const done = new Set<string>()
    const visit = (path: string, trail: readonly string[]): void => {
      if (trail.includes(path)) throw new Error(`cycle: ${[...trail, path].join(' -> ')}`)
      if (done.has(path)) return
      for (const target of graph.get(path) ?? []) visit(target, [...trail, path])
      done.add(path)
    }
    for (const { path } of files) visit(path, [])
  })

  it('touches nothing of Node where texts are read and judged', () => {
    const pure = /^(core|detect|dialects|models|tool-policy)\/(?!calls\/|pins\/)/
    const wrong = files.filter(
      ({ path, imports }) => pure.test(path) && imports.some((from) => from.startsWith('node:')),
    )
    expect(wrong.map(({ path }) => path)).toEqual([])
  })

  it('knows Fastify only in http/ and above', () => {
    const wrong = files.filter(
      ({ room, imports }) => (floors[room] ?? 0) < 7 && imports.some((from) => /^@?fastify/.test(from)),
    )
    expect(wrong.map(({ path }) => path)).toEqual([])
  })

  it('reads the process only in main.ts', () => {
    const code = (text: string) => text.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*/g, '')
    const wrong = files.filter(
      ({ path, text }) => path !== 'main.ts' && /(?<![-\w])process\.\w/.test(code(text)),
    )
    expect(wrong.map(({ path }) => path)).toEqual([])
  })

  it('opens every file with why it exists', () => {
    const wrong = files.filter(({ text }) => !/^(#!.*\n)?\/\*\*/.test(text))
    expect(wrong.map(({ path }) => path)).toEqual([])
  })

  it('keeps files small', () => {
    const lengths = files.map(({ path, text }) => ({ path, lines: text.split('\n').length }))
    expect(lengths.filter(({ lines }) => lines > 400)).toEqual([])
    const sorted = lengths.map(({ lines }) => lines).sort((a, b) => a - b)
    expect(sorted[Math.floor(sorted.length / 2)]).toBeLessThan(120)
  })

  it('keeps functions on one screen: 60 lines of code, five parameters', () => {
    const functions = sourceFiles.flatMap(functionsOf)
    expect(functions.length).toBeGreaterThan(1000)
    expect(functions.filter(({ lines }) => lines > 60)).toEqual([])
    expect(functions.filter(({ parameters }) => parameters > 5)).toEqual([])
  })

  it('documents everything that a file exports', () => {
    expect(sourceFiles.flatMap(undocumentedOf)).toEqual([])
  })

  it('explains every cast through `unknown`', () => {
    expect(sourceFiles.flatMap(unexplainedCastsOf)).toEqual([])
  })
})

/** The documentation holds together: links and anchors resolve, contents are complete, pages stay short. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative, resolve } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { readSuite } from '../src/attack/suite/read-suite.ts'
import { refusals } from '../src/core/refusal.ts'
import { loadPolicy } from '../src/policy/load.ts'
import { PolicyError } from '../src/policy/problem.ts'
import { readTestFile } from '../src/policy/tests/test-file.ts'
import { createMetrics } from '../src/telemetry/metrics.ts'

const root = new URL('..', import.meta.url).pathname
/** Fragments from which `config/README.md` is made; their links are checked there. */
const fragments = 'src/policy/reference/'
const skipped = new Set([
  'node_modules',
  'dist',
  'dist-modules',
  'dist-next',
  'dist-bench',
  'dist-fuzz',
  'dist-simulate',
  'data',
  'coverage',
])

function pagesIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return skipped.has(entry.name) || entry.name.startsWith('.') ? [] : pagesIn(path)
    return entry.name.endsWith('.md') ? [relative(root, path)] : []
  })
}

const read = (page: string) => readFileSync(join(root, page), 'utf8')
const pages = pagesIn(root).filter((page) => !page.startsWith(fragments))
const withoutCode = (text: string) => text.replaceAll(/^(`{3,}|~{3,})[^\n]*\n[\s\S]*?^\1\s*$/gm, '')

/** Headings as [level, words], code blocks left out. */
function headingsOf(text: string): [number, string][] {
  return [...withoutCode(text).matchAll(/^(#{1,6}) +(.+?)\s*$/gm)].map(([, marks, words]) => [
    marks?.length ?? 0,
    words ?? '',
  ])
}

/** Anchors as GitHub makes them of headings, and those that are written out. */
function anchorsOf(text: string): Set<string> {
  const anchors = new Set([...text.matchAll(/<a (?:id|name)="([^"]+)"/g)].map(([, id]) => id ?? ''))
  for (const [, words] of headingsOf(text)) {
    const plain = words.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase()
    const slug = plain.replaceAll(/[^\p{L}\p{N}\s_-]/gu, '').replaceAll(/\s/g, '-')
    let unique = slug
    for (let count = 1; anchors.has(unique); count++) unique = `${slug}-${count}`
    anchors.add(unique)
  }
  return anchors
}

function linksOf(text: string): string[] {
  const prose = withoutCode(text).replaceAll(/`[^`\n]*`/g, '')
  const inline = [...prose.matchAll(/\]\(<?([^)\s>]+)>?(?: "[^"]*")?\)/g)]
  const references = [...prose.matchAll(/^\[[^\]]+\]:\s+(\S+)/gm)]
  return [...inline, ...references].map(([, target]) => target ?? '')
}

/** @returns links of a page that lead nowhere */
function brokenLinks(page: string, text: string): string[] {
  return linksOf(text)
    .filter((link) => !/^[a-z][a-z+.-]*:/i.test(link))
    .filter((link) => {
      const [path = '', anchor] = link.split('#')
      const target = path === '' ? page : relative(root, resolve(root, dirname(page), path))
      if (target !== page && !existsSync(join(root, target))) return true
      if (anchor === undefined) return false
      return !anchorsOf(target === page ? text : read(target)).has(anchor)
    })
}

describe('the documentation', () => {
  it('finds the pages there are', () => {
    const expected = ['README.md', 'config/README.md', 'deploy/README.md', 'src/README.md', 'test/README.md']
    expect(pages).toEqual(expect.arrayContaining(expected))
  })

  it('notices a missing file, a missing anchor and a second heading of the same name', () => {
    const page = [
      '# A page',
      '## Twice, `it` is',
      '## Twice, `it` is',
      '[gone](nowhere.md) [right](src/README.md) [no such part](#nothing) [first](#twice-it-is)',
      '[second](#twice-it-is-1) [third](#twice-it-is-2) `[code](none.md)` [web](https://example.org/#x)',
      '```md',
      '[in a block](none.md)',
      '```',
    ].join('\n')
    expect(brokenLinks('made-up.md', page)).toEqual(['nowhere.md', '#nothing', '#twice-it-is-2'])
  })

  it.each(pages)('resolves every link of %s', (page) => {
    expect(brokenLinks(page, read(page))).toEqual([])
  })

  it.each(pages.filter((page) => read(page).includes('**Contents:**')))(
    'lists every section of %s',
    (page) => {
      const text = read(page)
      const sections = headingsOf(text)
        .filter(([level]) => level === 2)
        .map(([, words]) => words)
      const contents = /\*\*Contents:\*\*([\s\S]*?)\n\n/.exec(text)?.[1] ?? ''
      const listed = [...contents.matchAll(/\[([^\]]+)\]\(#[^)]+\)/g)].map(([, words]) => words)
      expect(listed).toEqual(sections)
    },
  )

  it('keeps the README within 200 lines and the pages for operators within 150', () => {
    const lines = (page: string) => read(page).trimEnd().split('\n').length
    const long = pages.filter(
      (page) =>
        (page === 'README.md' && lines(page) > 200) || (page.startsWith('deploy/') && lines(page) > 150),
    )
    expect(long.map((page) => `${page}: ${lines(page)}`)).toEqual([])
  })

  it('names only files that there are in the guide to the code', () => {
    const guide = read('src/README.md')
    const all = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    const named = [...guide.matchAll(/`((?:test\/)?[\w/.-]+\.(?:ts|md))`/g)].map(([, path]) => path ?? '')
    const missing = named.filter((path) =>
      path.includes('/')
        ? !existsSync(join(root, path.startsWith('test/') ? path : `src/${path}`))
        : !all.some((each) => each.endsWith(`/${path}`) || each === path),
    )
    expect(named.length).toBeGreaterThan(60)
    expect(missing).toEqual([])
  })

  it('shows in the guide to the code the layers that are enforced', () => {
    const enforced = /floors[^{]*\{([\s\S]*?)\n\}/.exec(read('test/house.test.ts'))?.[1] ?? ''
    const table = /## Layers([\s\S]*?)\n## /.exec(read('src/README.md'))?.[1] ?? ''
    const told = [...table.matchAll(/^\| (\d+) \| (.*) \|$/gm)].flatMap(([, floor, folders = '']) =>
      [...folders.matchAll(/`([\w.-]+)`/g)].map(([, folder]) => `${folder}: ${floor}`),
    )
    const rules = [...enforced.matchAll(/'?([\w.-]+)'?: (\d+)/g)].map(
      ([, folder, floor]) => `${folder}: ${floor}`,
    )
    expect(rules.length).toBeGreaterThan(15)
    expect(told.filter((each) => each !== 'process: 10').toSorted()).toEqual(rules.toSorted())
  })

  it('explains every runtime dependency in the guide to the code', () => {
    const table = /## Runtime dependencies([\s\S]*?)\n## /.exec(read('src/README.md'))?.[1] ?? ''
    const told = [...table.matchAll(/^\| (@?[\w/-]+) \| (?!For)/gm)].map(([, name]) => name)
    const { dependencies } = JSON.parse(read('package.json')) as { dependencies: Record<string, string> }
    expect(told.toSorted()).toEqual(Object.keys(dependencies).toSorted())
  })

  it('links every page for operators from the index', () => {
    const index = linksOf(read('deploy/README.md')).map((link) => link.split('#')[0])
    const missing = pages.filter((page) => page.startsWith('deploy/') && !index.includes(page.slice(7)))
    expect(missing).toEqual(['deploy/README.md'])
  })
})

/** Parts of a policy in the pages; those of the cookbook are tested in `policy/reference.test.ts`. */
const snippets = pages
  .filter((page) => page === 'README.md' || page.startsWith('deploy/'))
  .flatMap((page) =>
    [...read(page).matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map(([, yaml = '']) => ({ page, yaml })),
  )

/** Tests of a policy, which are no policy. */
const isTests = ({ yaml }: { readonly yaml: string }) => yaml.startsWith('- as:')
/** Attacks for `torwart attack --suite`. */
const isAttacks = ({ yaml }: { readonly yaml: string }) => /^attacks:/m.test(yaml)

/** What a page leaves out of a policy because it is about something else. */
function completed(yaml: string): string {
  const rest = {
    version: '1',
    upstreams: '[{ name: local, url: "http://127.0.0.1:11434", kind: ollama }]',
    roles: '{ agent: {}, user: {}, operator: {}, support-bot: {} }',
  }
  const missing = Object.entries(rest).filter(([key]) => !new RegExp(`^${key}:`, 'm').test(yaml))
  return [yaml, ...missing.map(([key, value]) => `${key}: ${value}`)].join('\n')
}

describe('the policies that the pages show', () => {
  const folder = mkdtempSync(join(tmpdir(), 'torwart-docs-'))
  afterAll(() => rmSync(folder, { recursive: true }))

  it('are found', () => {
    expect(snippets.length).toBeGreaterThan(8)
  })

  it.each(snippets.filter(isTests))('are tests of one: $page', ({ yaml }) => {
    const file = join(folder, 'torwart.test.yaml')
    writeFileSync(file, yaml)
    expect(readTestFile(file).tests).not.toEqual([])
  })

  it.each(snippets.filter(isAttacks))('are attacks: $page', ({ yaml }) => {
    const shipped = readdirSync('config/attacks').filter((name) => name.endsWith('.yaml'))
    const files = shipped.map((name) => ({ file: name, bytes: readFileSync(`config/attacks/${name}`) }))
    const { attacks } = readSuite([...files, { file: 'own.yaml', bytes: Buffer.from(yaml) }])
    expect(attacks.some(({ id }) => id.startsWith('own.'))).toBe(true)
  })

  it.each(snippets.filter((each) => !isTests(each) && !isAttacks(each)))(
    'are valid but for files that are only here: $page',
    ({ yaml }) => {
      const file = join(folder, 'torwart.yaml')
      writeFileSync(file, completed(yaml))
      const names = [...yaml.matchAll(/\$\{([A-Z_]+)\}/g)].map(([, name = '']) => name)
      const variables = Object.fromEntries(
        names.map((name) => [name, name === 'PORT' ? '8080' : 'a-long-value']),
      )
      let problems: readonly string[] = []
      try {
        loadPolicy(file, variables)
      } catch (error) {
        if (!(error instanceof PolicyError)) throw error
        problems = error.problems.map(({ message }) => message)
      }
      expect(problems.filter((message) => !/cannot be read|no such file|ENOENT/i.test(message))).toEqual([])
    },
  )
})

describe('what the pages say of the program', () => {
  const prose = pages.filter((page) => !/^(?:test|CHANGELOG)/.test(page))

  it('names metrics that there are', async () => {
    const metrics = await createMetrics().registry.getMetricsAsJSON()
    const known = new Set(metrics.map(({ name }) => name))
    const named = [...prose, 'deploy/prometheus/torwart.rules.yml'].flatMap(
      (page) => read(page).match(/\btorwart_[a-z_]+[a-z]\b/g) ?? [],
    )
    expect(named.length).toBeGreaterThan(20)
    expect([...new Set(named)].filter((name) => !known.has(name))).toEqual([])
  })

  it('lists every error code beside its status', () => {
    const told = [...read('deploy/api.md').matchAll(/^\| (\d{3}) \| ([^|]+) \|/gm)].flatMap(
      ([, status, codes = '']) => [...codes.matchAll(/`(\w+)`/g)].map(([, code]) => `${status} ${code}`),
    )
    const known = Object.entries(refusals).map(([code, { status }]) => `${status} ${code}`)
    expect(told.toSorted()).toEqual(known.toSorted())
  })

  it('shows in the quick start what the demonstration answers', () => {
    const { status, message } = refusals.prompt_blocked
    expect(read('README.md')).toContain(`HTTP/1.1 ${status} Bad Request`)
    expect(read('README.md')).toContain(JSON.stringify({ error: message }))
  })

  it('quotes log messages as they are written', () => {
    const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts'))
      .map((path) => read(`src/${path}`))
      .join('\n')
    const quoted = [
      'a credential was refused',
      'a TLS handshake failed',
      'keys of the issuer unavailable',
      'audit checkpoint',
      'admin login refused',
      'the audit log cannot be written',
      'is being written by another process',
      'request refused',
      'answer cut',
      'revocation unknown',
    ]
    const pagesText = prose.map(read).join('\n')
    for (const message of quoted) {
      expect(pagesText, message).toContain(message)
      expect(sources, message).toContain(message)
    }
  })
})

/** The documentation holds together: links and anchors resolve, contents are complete, pages stay short. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'

const root = new URL('..', import.meta.url).pathname
/** Fragments from which `config/README.md` is made; their links are checked there. */
const fragments = 'src/policy/reference/'
const skipped = new Set(['node_modules', 'dist', 'dist-next', 'dist-bench', 'dist-fuzz', 'data', 'coverage'])

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

  it('links every page for operators from the index', () => {
    const index = linksOf(read('deploy/README.md')).map((link) => link.split('#')[0])
    const missing = pages.filter((page) => page.startsWith('deploy/') && !index.includes(page.slice(7)))
    expect(missing).toEqual(['deploy/README.md'])
  })
})

/** No file under `deploy/` is shipped untested: a test names it, or what it is part of. */
import { readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { expect, it } from 'vitest'

const root = new URL('../../', import.meta.url).pathname
const below = (folder: string) =>
  readdirSync(root + folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length))

const tests = below('test')
  .filter((name) => name.endsWith('.ts') && basename(name) !== basename(import.meta.filename))
  .map((name) => readFileSync(root + name, 'utf8'))
const isNamed = (name: string) => tests.some((text) => text.includes(name))

/** Tests read these folders whole. */
const wholeFolders = ['deploy/grafana/']

/** `kubernetes.test.ts` builds the kustomizations with all that they list. */
function isListed(path: string): boolean {
  const kustomization = join(dirname(path), 'kustomization.yaml')
  return (
    path.startsWith('deploy/kubernetes/') &&
    readFileSync(root + kustomization, 'utf8').includes(basename(path))
  )
}

it('every file under deploy/ is named by a test, read with its folder, or part of a tested kustomization', () => {
  const files = below('deploy').filter((path) => !path.endsWith('.md'))
  expect(files.length).toBeGreaterThan(30)
  for (const folder of wholeFolders) expect([folder, isNamed(folder)]).toEqual([folder, true])
  const unused = files.filter(
    (path) =>
      !isNamed(basename(path)) && !isListed(path) && !wholeFolders.some((folder) => path.startsWith(folder)),
  )
  expect(unused).toEqual([])
})

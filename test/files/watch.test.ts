import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { watchFiles } from '../../src/files/watch.ts'
import { until } from '../rig/wait.ts'

const folder = mkdtempSync(join(tmpdir(), 'torwart-watch-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('a watched file', () => {
  it('that is not there is no change, and one when it comes', async () => {
    const missing = join(folder, 'missing')
    const present = join(folder, 'present')
    writeFileSync(present, 'one')
    let changes = 0
    let others = 0
    const watch = watchFiles([missing], () => changes++, 10)
    const other = watchFiles([present], () => others++, 10)
    const growUntil = (path: string, seen: () => boolean) =>
      until(() => {
        appendFileSync(path, 'more')
        return seen()
      })
    // Both are asked about at the same pace: by the time two changes were seen, the other file was looked at too.
    await growUntil(present, () => others > 1)
    expect(changes).toBe(0)
    await growUntil(missing, () => changes > 0)
    watch.close()
    other.close()
  })
  it('that is moved away and back is a change both times', async () => {
    const path = join(folder, 'moved')
    writeFileSync(path, 'one')
    const before = join(folder, 'before')
    writeFileSync(before, 'one')
    let changes = 0
    let others = 0
    const watch = watchFiles([path], () => changes++, 10)
    const other = watchFiles([before], () => others++, 10)
    // Both are watched from here on.
    await until(() => {
      appendFileSync(before, 'more')
      return others > 0
    })
    renameSync(path, `${path}.away`)
    await until(() => changes === 1)
    renameSync(`${path}.away`, path)
    await until(() => changes === 2)
    watch.close()
    other.close()
  })
})

it('notices what changed before the first look', async () => {
  const names = Array.from({ length: 50 }, (_, index) => join(folder, `early-${index}`))
  const noticed = new Set<string>()
  const watches = names.map((name) => {
    const watch = watchFiles([name], () => noticed.add(name), 10)
    writeFileSync(name, 'x')
    return watch
  })
  await until(() => noticed.size === names.length)
  for (const watch of watches) watch.close()
})

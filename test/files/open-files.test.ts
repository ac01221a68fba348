/** What an operator is told whose limit of open files is low. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { openFilesLimit, openFilesProblem } from '../../src/files/open-files.ts'

it('is read where the kernel tells it, and missed nowhere else', () => {
  const folder = mkdtempSync(join(tmpdir(), 'torwart-limits-'))
  const file = join(folder, 'limits')
  writeFileSync(
    file,
    'Max processes  9  9  processes\nMax open files            512                  4096  files\n',
  )
  expect(openFilesLimit(file)).toBe(512)
  writeFileSync(file, 'Max open files            unlimited            unlimited            files\n')
  expect(openFilesLimit(file)).toBeUndefined()
  rmSync(folder, { recursive: true })
  expect(openFilesLimit(file)).toBeUndefined()
})

it('is told below what a hundred callers take, and stops a start that could not read its own modules', () => {
  expect(openFilesProblem(undefined)).toBeUndefined()
  expect(openFilesProblem(1024)).toBeUndefined()
  expect(openFilesProblem(512)).toMatch(/only 512 files at once; each request takes two/)
  expect(openFilesProblem(64)).toMatch(/only 64 files at once, and 256 are needed to start/)
})

/** State beside the log is not written, nor given away, through links: whoever owns the folder could have put them there. */
import {
  chownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { makeStateFolder } from '../../src/files/folder.ts'
import { giveToFolderOwner } from '../../src/files/owner.ts'

const all = mkdtempSync(join(tmpdir(), 'torwart-links-'))
afterAll(() => rmSync(all, { recursive: true }))

let folder: string
let elsewhere: string
beforeEach(() => {
  folder = mkdtempSync(join(all, 'state-'))
  elsewhere = mkdtempSync(join(all, 'elsewhere-'))
})

describe('a folder of state', () => {
  it('is made, also twice', () => {
    makeStateFolder(join(folder, 'a', 'b'))
    makeStateFolder(join(folder, 'a', 'b'))
    expect(lstatSync(join(folder, 'a', 'b')).isDirectory()).toBe(true)
  })

  it('is refused where a link or a file stands', () => {
    symlinkSync(elsewhere, join(folder, 'link'))
    writeFileSync(join(folder, 'file'), '')
    for (const name of ['link', 'file'])
      expect(() => makeStateFolder(join(folder, name))).toThrow('is a link or a file')
  })
})

describe.runIf(process.getuid?.() === 0)('what root makes', () => {
  const gateway = 12_345
  beforeEach(() => chownSync(folder, gateway, gateway))

  it('is given to the owner of its folder', () => {
    mkdirSync(join(folder, 'incidents'))
    writeFileSync(join(folder, 'incidents.json'), '')
    for (const name of ['incidents', 'incidents.json']) {
      giveToFolderOwner(join(folder, name))
      expect(statSync(join(folder, name))).toMatchObject({ uid: gateway, gid: gateway })
    }
  })

  it('is not, where it is a link or has another name', () => {
    const file = join(elsewhere, 'secret')
    writeFileSync(file, '')
    symlinkSync(elsewhere, join(folder, 'link'))
    linkSync(file, join(folder, 'hard'))
    expect(() => giveToFolderOwner(join(folder, 'link'))).toThrow('ELOOP')
    expect(() => giveToFolderOwner(join(folder, 'hard'))).toThrow('other names')
    for (const path of [elsewhere, file]) expect(statSync(path).uid).toBe(0)
  })
})

/** Flags narrow the profile of a tool and never widen it. */
import { describe, expect, it } from 'vitest'
import { narrowedFolders } from '../../src/sandbox/narrow.ts'

const profile = { read: ['/data', '/work/kept'], write: ['/work', '/data/out'] }
const none = { read: [], write: [] }

describe('narrowedFolders', () => {
  it('gives the folders of the profile if none is asked', () => {
    expect(narrowedFolders(profile, none)).toEqual(profile)
  })

  it('gives the asked folders alone, those that may be written also for reading only', () => {
    expect(narrowedFolders(profile, { read: ['/work/a', '/data'], write: [] })).toEqual({
      read: ['/work/a', '/data'],
      write: [],
    })
  })

  it('keeps read-only what the profile gives to be read within a folder that may be written', () => {
    expect(narrowedFolders(profile, { read: [], write: ['/work'] })).toEqual({
      read: ['/work/kept'],
      write: ['/work'],
    })
  })

  it.each([
    [{ read: ['/database'], write: [] }, '/database'],
    [{ read: ['/'], write: [] }, '/'],
    [{ read: ['/data', '/other'], write: [] }, '/other'],
    [{ read: [], write: ['/data'] }, '/data'],
    [{ read: [], write: ['/work/kept'] }, '/work/kept'],
    [{ read: [], write: ['/work/kept/deeper'] }, '/work/kept/deeper'],
  ])('refuses %j', (asked, path) => {
    expect(() => narrowedFolders(profile, asked)).toThrow(`${path} is not among the folders`)
  })

  it('gives nothing to a tool whose profile gives nothing', () => {
    expect(() => narrowedFolders(none, { read: ['/data'], write: [] })).toThrow('/data is not among')
  })
})

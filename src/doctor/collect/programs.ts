/** What other programs of this host know: the clock, and published ports of containers. Each may take a second. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { errorCode } from '../../core/error-code.ts'
import type { Looked, PublishedPort } from '../facts.ts'

const withinMs = 1000
const maxBytes = 1_048_576
/** Made by systemd-timesyncd once the clock is set. */
const synchronisedMark = '/run/systemd/timesync/synchronized'

/** Runs a program. @returns what it printed; undefined if there is no such program */
function run(program: string, words: readonly string[]): Promise<Looked<string> | undefined> {
  return new Promise((resolve) => {
    const options = { timeout: withinMs, maxBuffer: maxBytes, killSignal: 'SIGKILL' } as const
    execFile(program, [...words], options, (error, stdout) => {
      if (error === null) resolve({ value: stdout })
      else if (errorCode(error) === 'ENOENT') resolve(undefined)
      else resolve({ why: `\`${program} ${words[0]}\` fails or takes longer than a second` })
    })
  })
}

/** Reads whether the clock is synchronised, from systemd. @param program for tests */
export async function readClock(program = 'timedatectl', mark = synchronisedMark): Promise<Looked<boolean>> {
  if (existsSync(mark)) return { value: true }
  const answer = await run(program, ['show', '--property=NTPSynchronized', '--value'])
  if (answer === undefined) return { why: 'there is no `timedatectl` here' }
  if ('why' in answer) return answer
  const word = answer.value.trim()
  return word === 'yes' || word === 'no'
    ? { value: word === 'yes' }
    : { why: '`timedatectl` does not say whether the clock is synchronised' }
}

/** Reads the published ports of running containers. @returns undefined without Docker @param program for tests */
export async function readPublished(
  program = 'docker',
): Promise<Looked<readonly PublishedPort[]> | undefined> {
  const answer = await run(program, ['ps', '--format', '{{.Names}}\t{{.Image}}\t{{.Ports}}'])
  if (answer === undefined || 'why' in answer) return answer
  return {
    value: answer.value.split('\n').flatMap((line) => {
      const [container = '', image = '', ports = ''] = line.split('\t')
      return ports.split(', ').flatMap((port) => {
        const [, host, hostPort, containerPort] = /^(.+):(\d+)(?:-\d+)?->(\d+)/.exec(port) ?? []
        if (host === undefined) return []
        const bare = host.replace(/^\[|\]$/g, '')
        return [
          { container, image, host: bare, hostPort: Number(hostPort), containerPort: Number(containerPort) },
        ]
      })
    }),
  }
}

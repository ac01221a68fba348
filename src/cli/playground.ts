/** `torwart playground`: writes the playground as one HTML file that works from disk and sends nothing. */
import { readFileSync, writeFileSync } from 'node:fs'
import { settingsOf, withSettings } from '../policy/playground.ts'
import { type Command, type ExitCode, textOf, UsageError } from './command.ts'

/** Made by the build (`vite.standalone.config.ts`). */
const template = new URL('../console/playground/standalone.html', import.meta.url)

/** The command `torwart playground`. */
export const playground: Command = {
  options: [
    { flags: '--out <file>', description: 'HTML file to write', required: true },
    {
      flags: '-c, --config <file>',
      description:
        'use the thresholds, severities and disabled signatures of this policy; default: those that ship',
    },
    {
      flags: '--packs',
      description:
        'with a policy: also put its own signature packs into the file, where everyone who has the file can read them',
    },
    { flags: '--force', description: 'overwrite the file if it exists' },
  ],
  async run(values, io): Promise<ExitCode> {
    const out = textOf(values, 'out')
    const config = textOf(values, 'config')
    if (values.packs && config === '') throw new UsageError('--packs needs a policy: add --config FILE.')
    let html = readFileSync(template, 'utf8')
    if (config !== '') {
      // Loaded when asked for: it takes half a second of CPU.
      const { loadPolicy } = await import('../policy/load.ts')
      const { policy } = loadPolicy(config, io.variables)
      const settings = settingsOf(policy, values.packs === true)
      if (settings.packsLeftOut > 0)
        io.err(`The policy's own packs (${settings.packsLeftOut}) are left out; --packs includes them.\n`)
      html = withSettings(html, settings)
    }
    write(out, html, values.force === true)
    io.out(`${out} (${Math.ceil(Buffer.byteLength(html) / 1024)} KiB)\n`)
    return 0
  },
}

function write(out: string, html: string, isForced: boolean): void {
  try {
    writeFileSync(out, html, { flag: isForced ? 'w' : 'wx' })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') throw new UsageError(`${out} exists. Add --force to overwrite it.`)
    throw new UsageError(`${out} cannot be written (${code}).`)
  }
}

/**
 * `npm run score [-- prompts|pii|secrets … --misses N]`: the scanner and the masker on public corpora, which are no part
 * of this repository. They and their script are looked for beside it; what is printed is the script's own.
 */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const script = fileURLToPath(new URL('../../shared/corpora/score.mjs', import.meta.url))
if (existsSync(script)) {
  const { status } = spawnSync(process.execPath, [script, ...process.argv.slice(2)], { stdio: 'inherit' })
  process.exitCode = status ?? 1
} else {
  process.stderr.write('There are no corpora in ../shared/corpora: nothing was measured.\n')
  process.exitCode = 1
}

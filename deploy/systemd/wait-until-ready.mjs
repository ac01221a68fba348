/**
 * Waits until the gateway's admin listener answers, so that systemd counts it as started only then.
 *
 *     node wait-until-ready.mjs http://127.0.0.1:9464 [SECONDS]
 *
 * Exits 0 once `/readyz` answers 200. After SECONDS (60) it exits 0 if the gateway lives but is not ready, because a
 * restart mends neither Redis nor a full disk, and 1 if it does not answer.
 */
import { setTimeout as sleep } from 'node:timers/promises'

const [admin, seconds = '60'] = process.argv.slice(2)
if (admin === undefined || !URL.canParse(admin) || !(Number(seconds) > 0)) {
  process.stderr.write('Usage: wait-until-ready.mjs http://127.0.0.1:9464 [SECONDS]\n')
  process.exit(2)
}

/** @returns the status of the response, or undefined if there is none within two seconds */
async function statusOf(path) {
  try {
    const response = await fetch(new URL(path, admin), { signal: AbortSignal.timeout(2000) })
    await response.arrayBuffer()
    return response.status
  } catch {
    return undefined
  }
}

const deadline = Date.now() + Number(seconds) * 1000
while ((await statusOf('/readyz')) !== 200) {
  if (Date.now() < deadline) {
    await sleep(100)
    continue
  }
  const lives = (await statusOf('/livez')) === 200
  process.stderr.write(
    lives
      ? `The gateway answers but is not ready after ${seconds} s. GET ${admin}/readyz says why.\n`
      : `The gateway does not answer at ${admin} after ${seconds} s. Its log says why.\n`,
  )
  process.exit(lives ? 0 : 1)
}

/** `torwart key rotate`: a new secret for the same key; limits and records go on under its id. */
import { hashKey, mintKey } from '../identity/key.ts'
import { type KeyEntry, keyStatus } from '../identity/key-file.ts'
import { type Command, configOption, type Io, jsonOption, UsageError } from './command.ts'
import { changeKeys, durationOption, findKey } from './keys.ts'

export const keyRotate: Command = {
  name: 'key rotate',
  summary: 'replace the secret of a key',
  argument: '<id>',
  options: [
    configOption,
    {
      flags: '--grace <duration>',
      description: 'how long the old secret still works, such as 24h; without it, it stops at once',
    },
    jsonOption,
  ],
  run(values, io, id) {
    const now = Date.now()
    const graceMs = durationOption(values, 'grace') ?? 0
    let key = ''
    const rotated = changeKeys(values, io, (entries) => {
      const { previous: _, ...old } = findKey(entries, id)
      const status = keyStatus(old, now)
      if (status !== 'active') throw new UsageError(`key ${old.id} is ${status}`)
      key = mintKey(old.id).key
      const until = new Date(now + graceMs).toISOString()
      const previous = graceMs > 0 ? { previous: { sha256: old.sha256, until } } : {}
      return { ...old, sha256: hashKey(key).toString('hex'), ...previous }
    })
    tell(io, values.json === true, rotated, key)
    return 0
  },
}

function tell(io: Io, asJson: boolean, { id, name, role, expires, previous }: KeyEntry, key: string): void {
  if (asJson) {
    io.out(`${JSON.stringify({ id, key, name, role, expires: expires ?? null })}\n`)
    return
  }
  io.out(`${key}\n`)
  io.err(`New secret for key ${id}. Keep it now: it cannot be shown again.\n`)
  io.err(`The old one ${previous ? `works until ${previous.until}` : 'is refused from now on'}.\n`)
}

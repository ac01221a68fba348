/** `torwart schema`: prints the JSON Schema of the policy for editors, or its reference for people. */
import { editorSchema, reference } from '../policy/reference.ts'
import type { Command } from './command.ts'

/** The command `torwart schema`. */
export const schema: Command = {
  options: [{ flags: '--reference', description: 'print a reference of all keys as Markdown' }],
  run(values, io) {
    io.out(values.reference ? reference() : `${JSON.stringify(editorSchema(), null, 2)}\n`)
    return 0
  },
}

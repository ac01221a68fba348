/** The schema of `sandbox`. */
import { duration, group, mapOf, texts } from './types.ts'

/** What tools of agents get, by name. */
export const sandbox = mapOf(
  group('A tool, and what it gets.', {
    command: texts(
      'Program and arguments. It reads the arguments of the tool call as JSON from standard input. Empty: the command line names the command.',
    ),
    read: texts('Folders that it may read.'),
    write: texts('Folders that it may read and write.'),
    timeout: duration('Time it may take.', '30s', { min: '1ms', max: '1h' }),
  }),
  'Tools of agents by name, as `torwart sandbox` runs them. The gateway itself runs none.',
)

/** `torwart init`: writes a policy, keys and a unit or Compose file for the answers to five questions, then checks and examines them. */
import { chmodSync, existsSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { createdKey, KeyProblem } from '../auth/api-keys/key-changes.ts'
import { writeKeyFile } from '../auth/api-keys/key-file.ts'
import { randomHex } from '../core/random.ts'
import { makeFolder } from '../files/folder.ts'
import { check } from './check.ts'
import { type Command, type Io, UsageError } from './command.ts'
import { doctor } from './doctor.ts'
import { type Answers, answerOptions, readAnswers } from './init/answers.ts'
import { composeText, names, policyText, runsOllama, unitText } from './init/files.ts'
import { recognise } from './init/model-server.ts'

const secret = 0o600
const open = 0o644

/** A file to be written, by its path. */
interface NewFile {
  readonly path: string
  readonly text: string
  readonly mode: number
}

/** The command `torwart init`. */
export const init: Command = {
  argument: '[folder]',
  options: answerOptions,
  async run(values, io, given = '.'): Promise<number> {
    const folder = resolve(given)
    const taken = Object.values(names).filter((name) => existsSync(join(folder, name)))
    if (taken.length > 0)
      throw new UsageError(
        `${folder} already has ${taken.join(', ')}. Nothing was written; choose another folder.`,
      )
    const answers = await readAnswers(values, io)
    if (answers.service !== 'none' && io.user === 'root')
      throw new UsageError(
        'The gateway must not run as root. Run this as the user it will run as: `sudo -u torwart …`.',
      )
    const { key, entry } = keyOf(answers, io)
    const files = await filesFor(folder, answers, io)
    for (const each of ['keys', 'secrets', 'audit']) makeFolder(join(folder, each))
    for (const { path, text, mode } of files) writeNew(path, text, mode)
    writeKeyFile(join(folder, names.keys), [entry])
    io.err(
      `Written to ${folder}: ${[...files.map(({ path }) => path.slice(folder.length + 1)), names.keys].join(', ')}\n`,
    )
    io.err(`Key for ${entry.name}, role ${entry.role}. Save it now: it cannot be shown again.\n`)
    io.out(`${key}\n`)
    const code = await examine(join(folder, names.policy), io)
    io.err(`\n${nextSteps(folder, answers, io)}\n`)
    return code
  },
}

/** @throws UsageError */
function keyOf({ key: { name, role } }: Answers, io: Io) {
  try {
    return createdKey({ name, role, lifeMs: undefined, networks: [] }, Date.now(), io.user)
  } catch (error) {
    throw error instanceof KeyProblem ? new UsageError(error.message) : error
  }
}

async function filesFor(folder: string, answers: Answers, io: Io): Promise<readonly NewFile[]> {
  const server = await recognise(answers.upstream)
  if (!server.isThere && !runsOllama(answers))
    io.err(
      `${answers.upstream} does not answer; the policy takes it for an Ollama. Change \`upstreams[0].kind\` if it is not.\n`,
    )
  const { program = '/usr/bin/node', script = '/opt/torwart/dist/main.js' } = io.node ?? {}
  const owner = userInfo()
  const at = (name: string, text: string, mode: number) => ({ path: join(folder, name), text, mode })
  return [
    at(names.policy, policyText(answers, server), open),
    at(names.token, `${randomHex(32)}\n`, secret),
    ...(answers.redis === undefined ? [] : [at(names.redis, `${answers.redis}\n`, secret)]),
    ...(answers.service === 'systemd'
      ? [at(names.unit, unitText({ folder, user: io.user, program, script }), open)]
      : []),
    ...(answers.service === 'compose'
      ? [at(names.compose, composeText(answers, `torwart:${io.version}`, `${owner.uid}:${owner.gid}`), open)]
      : []),
  ]
}

/** Fails rather than replace a file that was made in the meantime; the mode does not depend on the umask. */
function writeNew(path: string, text: string, mode: number): void {
  makeFolder(dirname(path))
  writeFileSync(path, text, { mode, flag: 'wx' })
  chmodSync(path, mode)
}

function nextSteps(folder: string, answers: Answers, io: Io): string {
  const script = io.node?.script ?? 'dist/main.js'
  if (answers.service === 'systemd')
    return `Next: sudo cp ${folder}/${names.unit} /etc/systemd/system/ && sudo systemctl daemon-reload && sudo systemctl enable --now torwart`
  if (answers.service === 'compose') {
    const pull = runsOllama(answers)
      ? ' Models: the `pull` service in docker-compose.yml of Torwart shows how to fetch them.'
      : ''
    return `Next: docker build -t torwart:${io.version} ${dirname(dirname(script))} && docker compose -f ${folder}/${names.compose} up -d.${pull}`
  }
  return `Next: torwart serve -c ${folder}/${names.policy}`
}

/** Ends with `check` and `doctor`, on stderr: stdout has only the key. Findings of `doctor` are no failure of `init`. */
async function examine(policy: string, io: Io): Promise<number> {
  const told: Io = { ...io, out: io.err }
  io.err('\n')
  const code = await check.run({ config: policy }, told)
  if (code === 0) {
    io.err('\n')
    await doctor.run({ config: policy }, told)
  }
  return code
}

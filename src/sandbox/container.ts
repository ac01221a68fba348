/** Confines with Docker or podman, in an image that is on this machine. */
import { environment, maxMemory, maxOpenFiles, maxProcesses, maxScratch, nobody } from './bounds.ts'
import { type Confinement, type Folders, SandboxProblem } from './confinement.ts'

/** Image whose programs a command finds. It is never pulled. */
export const defaultImage = 'debian:stable-slim'

/**
 * Confines with a container.
 * @param id distinguishes this run; its container is stopped by that name
 * @throws SandboxProblem if a folder has a comma or quote, which `--mount` would read as something else
 */
export function container(name: 'docker' | 'podman', folders: Folders, id: string): Confinement {
  const instance = `torwart-sandbox-${id}`
  const words = [name, 'run', '--name', instance, ...options(folders)]
  return {
    name,
    words: ([program = '', ...given]) => [...words, '--entrypoint', program, defaultImage, ...given],
    stop: [name, 'rm', '--force', instance],
    boundsMemory: true,
  }
}

function options({ read, write }: Folders): string[] {
  return [
    ...['--rm', '--interactive', '--pull', 'never', '--log-driver', 'none', '--init'],
    ...['--network', 'none', '--read-only', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges'],
    ...['--user', `${nobody}:${nobody}`, '--pids-limit', `${maxProcesses}`],
    ...['--memory', `${maxMemory}`, '--memory-swap', `${maxMemory}`, '--shm-size', `${maxScratch}`],
    ...['--ulimit', `nofile=${maxOpenFiles}`, '--ulimit', 'core=0'],
    ...['--tmpfs', `/tmp:rw,nosuid,nodev,size=${maxScratch},mode=1777`],
    ...Object.entries(environment).flatMap(([name, value]) => ['--env', `${name}=${value}`]),
    ...read.flatMap((path) => ['--mount', `${bind(path)},readonly`]),
    ...write.flatMap((path) => ['--mount', bind(path)]),
    ...['--workdir', write[0] ?? read[0] ?? '/tmp'],
  ]
}

function bind(path: string): string {
  if (/[,"\r\n]/.test(path)) throw new SandboxProblem(`${path} has a character that containers cannot mount.`)
  return `type=bind,source=${path},target=${path}`
}

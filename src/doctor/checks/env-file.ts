/** A `.env` file with secrets that others read, or that ends up in a repository. */
import type { Check } from '../facts.ts'
import type { Outcome } from '../finding.ts'
import { octal } from './file-permissions.ts'

const id = 'env-file'

/** Judges `.env` files beside the policy and in its repository. */
export const envFile: Check = ({ envFiles }) =>
  envFiles.flatMap(({ path, mode, isTracked }): Outcome[] => [
    ...(mode & 0o044
      ? [
          {
            id,
            severity: 'high' as const,
            what: `${path} has mode ${octal(mode)}: other users may read it.`,
            why: 'Such files hold passwords and tokens.',
            fix: `chmod 600 ${path}`,
          },
        ]
      : []),
    ...(isTracked
      ? [
          {
            id,
            severity: 'medium' as const,
            what: `${path} lies in a Git repository that does not ignore it.`,
            why: 'The next commit of everything publishes its secrets to whoever reads the repository.',
            fix: `Add \`.env\` to .gitignore, run \`git rm --cached ${path}\` if it was committed, and replace its secrets; or let the policy take secrets from files elsewhere.`,
          },
        ]
      : []),
  ])

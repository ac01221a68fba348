/** A run as JSON. */
import { type AttackResult, holesOf, type RunResult, resultsOf } from '../result.ts'

/** Returns a run as it is printed with `--json`. */
export function asJson(run: RunResult): object {
  const { target, policy, roles, changed, finished, seconds } = run
  const tried = run.results.filter(({ verdict }) => verdict !== 'skipped')
  return {
    tried: tried.length,
    stopped: resultsOf(run, 'stopped').length,
    through: resultsOf(run, 'through').map((each) => ({ ...gist(each), close: each.close })),
    holes: holesOf(run).map(({ close, results }) => ({ close, attacks: results.map(idOf) })),
    admitted: resultsOf(run, 'admitted').map((each) => ({ ...gist(each), by: each.attack.admitted?.by })),
    unclear: resultsOf(run, 'unclear').map((each) => ({ ...gist(each), why: each.notes })),
    notTried: resultsOf(run, 'skipped').map((each) => ({ id: each.attack.id, why: each.notes })),
    stoppedBy: resultsOf(run, 'stopped').map((each) => ({ id: each.attack.id, by: each.notes })),
    ...{ target, policy, roles, changed, finished, seconds },
  }
}

function gist({ attack: { id, owasp, title, guard }, roles }: AttackResult): object {
  return { id, owasp, what: title, guard, roles }
}

function idOf({ attack }: AttackResult): string {
  return attack.id
}

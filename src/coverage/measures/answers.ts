/** Measures about what models send back. */
import type { OutputAction, OutputGuard } from '../../policy/policy.ts'
import {
  builtIn,
  type Extent,
  type Facts,
  type Measure,
  ofRoles,
  type Setting,
  setting,
  whether,
  writingRoles,
} from '../measure.ts'
import { guardSettings, type Reading } from './guards.ts'

/** What an action is worth: what is only flagged reaches the client. */
const worth: Readonly<Record<OutputAction, Extent>> = {
  block: 'met',
  redact: 'met',
  flag: 'partly',
  off: 'not',
}

type Actions = OutputGuard['actions']

/** Reads actions of the output guard; while it only observes, everything passes. */
function actions(
  { policy }: Facts,
  kinds: readonly (keyof Actions)[],
  more: (guard: OutputGuard) => readonly Reading[] = () => [],
): readonly Setting[] {
  return guardSettings(policy, writingRoles(policy), 'outputGuard', (guard) => {
    if (guard.mode !== 'enforce') return [['mode', guard.mode, guard.mode === 'observe' ? 'partly' : 'not']]
    return [
      ...kinds.map(
        (kind): Reading => [keys[kind] ?? kind, written(kind, guard.actions), worth[guard.actions[kind]]],
      ),
      ...more(guard),
    ]
  })
}

const keys: Partial<Record<keyof Actions, string>> = { links: 'links.otherwise' }

/** The policy writes `canary: true`. */
function written(kind: keyof Actions, given: Actions): string {
  return kind === 'canary' ? String(given.canary !== 'off') : given[kind]
}

/** Arguments of tool calls may have an action of their own. */
function toolArguments({ toolArguments: action }: OutputGuard): readonly Reading[] {
  return action === undefined || worth[action] === 'met' ? [] : [['toolArguments', action, 'partly']]
}

/** Secrets are taken out of responses. */
export const secretsCut: Measure = {
  what: {
    en: 'Keys, passwords and tokens are redacted in responses',
    de: 'Schlüssel, Passwörter und Token werden in Antworten geschwärzt',
  },
  proof: 'torwart mask FILE',
  traces: ['secretCut'],
  judge: (facts) => actions(facts, ['secrets'], toolArguments),
}

/** Personal data is taken out of responses. */
export const personalDataCut: Measure = {
  what: {
    en: 'Personal data is redacted in responses',
    de: 'Personenbezogene Daten werden in Antworten geschwärzt',
  },
  proof: 'torwart mask FILE',
  traces: ['personalDataCut'],
  judge: (facts) => actions(facts, ['pii'], toolArguments),
}

/** Links that carry data away are taken out. */
export const linksCut: Measure = {
  what: {
    en: 'Links and images that could send data to other hosts are removed from responses',
    de: 'Links und Bilder, die Daten an andere Hosts senden könnten, werden aus Antworten entfernt',
  },
  proof: 'torwart audit show --finding links',
  traces: ['linkCut'],
  judge: (facts) => actions(facts, ['links']),
}

/** Terminal escapes and invisible characters are taken out. */
export const controlsCut: Measure = {
  what: {
    en: 'Terminal escape sequences and invisible characters are removed from responses',
    de: 'Terminal-Steuersequenzen und unsichtbare Zeichen werden aus Antworten entfernt',
  },
  proof: 'torwart audit show --finding controls',
  traces: ['controlCut'],
  judge: (facts) => actions(facts, ['controls']),
}

/** Code that a browser would run is stopped. */
export const scriptsBlocked: Measure = {
  what: {
    en: 'Responses with code that a browser would run are stopped',
    de: 'Antworten mit Code, den ein Browser ausführen würde, werden gestoppt',
  },
  proof: 'torwart audit show --finding scripts',
  traces: ['scriptFound'],
  judge: (facts) => actions(facts, ['scripts']),
}

/** Responses that lack the form they were asked for are stopped. */
export const formChecked: Measure = {
  what: {
    en: 'Responses and tool calls that lack the form they were asked for are stopped',
    de: 'Antworten und Werkzeugaufrufe ohne die verlangte Form werden gestoppt',
  },
  proof: 'torwart audit show --finding schema',
  traces: ['formMissed'],
  judge: (facts) => actions(facts, ['schema']),
}

/** Responses that follow an injection are stopped. */
export const injectionStopped: Measure = {
  what: {
    en: 'Responses that show signs of following an injection are stopped',
    de: 'Antworten, die erkennbar einer Injection folgen, werden gestoppt',
  },
  proof: 'torwart audit show --outcome output_blocked',
  traces: ['outputBlocked'],
  judge: (facts) => actions(facts, ['injection']),
}

/** Responses that repeat the system prompt are stopped. */
export const systemPromptKept: Measure = {
  what: {
    en: 'Responses that repeat the system prompt, or a marker in it, are stopped',
    de: 'Antworten, die den Systemprompt oder eine Markierung darin wiederholen, werden gestoppt',
  },
  proof: 'torwart audit show --finding theft',
  traces: ['systemPromptFound'],
  judge: (facts) => actions(facts, ['theft', 'canary']),
}

/** Generated responses are marked. */
export const answersMarked: Measure = {
  what: {
    en: 'Generated responses are marked as such, in a response header',
    de: 'Erzeugte Antworten werden als solche gekennzeichnet, in einem Antwort-Header',
  },
  proof: 'curl -si … (header x-torwart-marking)',
  traces: ['answered'],
  judge: ({ policy }) =>
    ofRoles(writingRoles(policy), ({ name, marking, routes }) => [
      setting(`roles.${name}.marking`, marking, whether(marking === 'ai-generated')),
      // Events of a session have no headers.
      ...(routes.has('realtime') ? [setting(`roles.${name}.routes`, 'realtime', 'not')] : []),
    ]),
}

/** Responses name the model that wrote them. */
export const answersNamed: Measure = {
  what: {
    en: 'Responses and records name the model that wrote them, with its digest where the server tells one',
    de: 'Antworten und Einträge nennen das Modell, das sie schrieb, mit Prüfsumme, wo der Server eine nennt',
  },
  proof: 'curl -si … (header x-torwart-model)',
  traces: ['answered'],
  judge: builtIn('x-torwart-model'),
}

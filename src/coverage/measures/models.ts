/** Measures about which models answer, and where prompts go. */
import type { ModelTrust } from '../../policy/policy.ts'
import {
  besidePassThrough,
  type Measure,
  ofRoles,
  type Setting,
  setting,
  usingRoles,
  whether,
} from '../measure.ts'

/** Matches every model. */
const any = /^[*/:]*\*[*/:]*$/

/** Roles name their models. */
export const modelsNamed: Measure = {
  what: {
    en: 'Roles may use only the models that they name',
    de: 'Rollen können nur die Modelle nutzen, die sie nennen',
  },
  proof: 'torwart explain --key ID --model NAME',
  traces: ['rightRefused'],
  judge: ({ policy }) =>
    besidePassThrough(
      policy,
      ofRoles(usingRoles(policy), ({ name, models }) => {
        const open = models.filter((pattern) => any.test(pattern))
        return open.length > 0
          ? [setting(`roles.${name}.models`, `[${open.join(', ')}]`, 'not')]
          : [setting(`roles.${name}.models`, `[${models.join(', ')}]`, 'met')]
      }),
    ),
}

/** Models are locked to their digests. */
export const modelsLocked: Measure = {
  what: {
    en: 'Only versions of models that are in the lock file serve requests',
    de: 'Nur Modellversionen, die in der Sperrdatei stehen, beantworten Anfragen',
  },
  proof: 'torwart models verify',
  traces: ['modelChecked'],
  judge: ({ policy }) => besidePassThrough(policy, required(policy.modelTrust, 'digest')),
}

/** Models were tested. */
export const modelsTested: Measure = {
  what: {
    en: 'Only versions of models with a signed, passed and recent test run serve requests',
    de: 'Nur Modellversionen mit signiertem, bestandenem und aktuellem Testlauf beantworten Anfragen',
  },
  proof: 'torwart models list',
  traces: ['modelChecked'],
  judge: ({ policy }) => besidePassThrough(policy, required(policy.modelTrust, 'suite')),
}

function required({ require, onDrift }: ModelTrust, what: 'digest' | 'suite'): readonly Setting[] {
  const has = setting('models.require', `[${[...require].join(', ')}]`, whether(require.has(what)))
  if (!require.has(what) || onDrift === 'refuse') return [has]
  return [has, setting('models.onDrift', onDrift, 'partly')]
}

/** No caller can change models. */
export const modelsUnchangeable: Measure = {
  what: {
    en: 'No request can add, change or delete a model',
    de: 'Keine Anfrage kann ein Modell hinzufügen, ändern oder löschen',
  },
  proof: 'torwart access',
  traces: ['rightRefused'],
  judge: ({ policy }) =>
    besidePassThrough(
      policy,
      ofRoles([...policy.roles.values()], ({ name, routes }) => [
        setting(`roles.${name}.routes`, `[${[...routes].join(', ')}]`, whether(!routes.has('admin'))),
      ]),
    ),
}

/** Prompts stay within the operator's network. */
export const promptsStayInside: Measure = {
  what: {
    en: 'Prompts go only to model servers on loopback or private addresses',
    de: 'Prompts gehen nur an Modellserver auf Loopback- oder privaten Adressen',
  },
  proof: 'torwart doctor',
  traces: ['answered'],
  judge: ({ policy: { upstreams } }) =>
    upstreams.map(({ name, remote }) => setting(`upstreams.${name}.remote`, remote, whether(!remote))),
}

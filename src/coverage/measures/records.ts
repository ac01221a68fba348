/** Measures about the audit log. */
import { printDuration } from '../../core/units.ts'
import { builtIn, type Measure, ofRoles, setting, usingRoles, whether } from '../measure.ts'

const dayMs = 86_400_000
/** Six months (AI Act, articles 19 and 26). */
const minKeptMs = 183 * dayMs
/** Longer is no period that anyone has chosen for a reason (GDPR, article 5: storage limitation). */
const maxKeptMs = 3653 * dayMs

/** Every request is recorded, in a chain. */
export const recordsChained: Measure = {
  what: {
    en: 'Every request ends in one record, in a hash chain with signed checkpoints',
    de: 'Jede Anfrage endet in einem Eintrag, in einer Hash-Kette mit signierten Prüfpunkten',
  },
  proof: 'torwart audit verify',
  traces: ['checkpoint'],
  judge: builtIn('hash chain'),
}

/** Records survive a power failure. */
export const recordsDurable: Measure = {
  what: {
    en: 'Records are on disk within 20 ms',
    de: 'Einträge sind innerhalb von 20 ms auf dem Datenträger',
  },
  proof: 'torwart audit verify',
  traces: ['checkpoint'],
  judge: ({ policy: { audit } }) => [setting('audit.sync', audit.sync, whether(audit.sync !== 'none'))],
}

/** Records are kept long enough. */
export const recordsKept: Measure = {
  what: {
    en: 'Records are kept for at least six months (183 days)',
    de: 'Einträge werden mindestens sechs Monate aufbewahrt (183 Tage)',
  },
  proof: 'torwart check',
  traces: ['request'],
  judge: ({ policy: { audit } }) => [
    setting('audit.retention', printDuration(audit.retentionMs), whether(audit.retentionMs >= minKeptMs)),
  ],
}

/** Records are deleted in the end. */
export const recordsEnd: Measure = {
  what: {
    en: 'Records are deleted after a period of at most ten years',
    de: 'Einträge werden nach einer Frist von höchstens zehn Jahren gelöscht',
  },
  proof: 'torwart check',
  traces: ['request'],
  judge: ({ policy: { audit } }) => [
    setting('audit.retention', printDuration(audit.retentionMs), whether(audit.retentionMs <= maxKeptMs)),
  ],
}

/** Another machine has the records, too. */
export const recordsForwarded: Measure = {
  what: {
    en: 'Records are sent to another system, which an intruder on this one cannot change',
    de: 'Einträge gehen an ein anderes System, das ein Eindringling auf diesem nicht ändern kann',
  },
  proof: 'torwart check',
  traces: ['request'],
  judge: ({ policy: { audit } }) =>
    audit.forward.length === 0
      ? [setting('audit.forward', '[]', 'not')]
      : audit.forward.map(({ name, url }) =>
          setting(
            `audit.forward.${name}`,
            new URL(url).protocol,
            url.startsWith('stdout:') ? 'partly' : 'met',
          ),
        ),
}

/** Personal data is masked before it is written. */
export const personalDataMasked: Measure = {
  what: {
    en: 'Secrets and personal data are masked before they are recorded, names included',
    de: 'Geheimnisse und personenbezogene Daten werden vor dem Aufzeichnen maskiert, auch Namen',
  },
  proof: 'torwart mask FILE',
  traces: ['request'],
  judge({ policy }) {
    const { names } = policy.personalData
    return ofRoles(usingRoles(policy), ({ name, content }) => [
      content === 'none'
        ? setting(`roles.${name}.audit.content`, content, 'met')
        : setting('guards.pii.names', names, names === 'off' ? 'partly' : 'met'),
    ])
  },
}

/** Texts are not recorded at all. */
export const textsLeftOut: Measure = {
  what: {
    en: 'Prompts and responses are not recorded (masked texts are met in part)',
    de: 'Prompts und Antworten werden nicht aufgezeichnet (maskierte Texte: teilweise)',
  },
  proof: 'torwart audit show',
  traces: ['request'],
  judge: ({ policy }) =>
    ofRoles(usingRoles(policy), ({ name, content }) => [
      setting(
        content === policy.audit.content ? 'audit.content' : `roles.${name}.audit.content`,
        content,
        content === 'none' ? 'met' : 'partly',
      ),
    ]),
}

/** Addresses are masked in the operational log. */
export const addressesMasked: Measure = {
  what: {
    en: 'The operational log has no client addresses, and traces have no texts',
    de: 'Das Betriebslog hat keine Client-Adressen und Traces haben keine Texte',
  },
  proof: 'torwart check',
  traces: ['request'],
  judge: ({ policy: { logAddresses, telemetry } }) => [
    setting('log.addresses', logAddresses, whether(logAddresses === 'masked')),
    ...(telemetry.otlp
      ? [
          setting(
            'telemetry.otlp.content',
            telemetry.otlp.content,
            whether(telemetry.otlp.content === 'none'),
          ),
        ]
      : []),
  ],
}

/** Records of a person can be erased. */
export const recordsErasable: Measure = {
  what: {
    en: 'What is recorded of a person or key can be erased while the gateway runs, without breaking the chain',
    de: 'Was über Person oder Schlüssel aufgezeichnet ist, lässt sich im Betrieb löschen, ohne die Kette zu brechen',
  },
  proof: 'torwart audit erase --help',
  traces: ['erased'],
  judge: ({ policy: { admin } }) => [
    setting(
      'admin.token',
      admin.token === undefined ? 'absent' : 'set',
      admin.token === undefined ? 'partly' : 'met',
    ),
  ],
}

/** Changes of the policy are recorded. */
export const changesRecorded: Measure = {
  what: {
    en: 'Changes of policy, keys, models and freezes are validated, recorded and named by version',
    de: 'Änderungen an Richtlinie, Schlüsseln, Modellen und Sperren werden geprüft, aufgezeichnet und nach Version benannt',
  },
  proof: 'torwart audit show --outcome reloaded',
  traces: ['reloaded', 'keyChanged'],
  judge: builtIn('events'),
}

/** The deployment is documented. */
export const deploymentDocumented: Measure = {
  what: {
    en: 'One command documents what runs: versions, models, guards, rights, limits, evidence',
    de: 'Ein Befehl dokumentiert, was läuft: Versionen, Modelle, Wächter, Rechte, Limits, Nachweise',
  },
  proof: 'torwart document',
  traces: [],
  judge: builtIn('torwart document'),
}

/** State can be backed up and restored. */
export const backupsPossible: Measure = {
  what: {
    en: 'Policy, keys and log can be backed up while the gateway runs, verified, and restored',
    de: 'Richtlinie, Schlüssel und Log lassen sich im Betrieb sichern, prüfen und wiederherstellen',
  },
  proof: 'torwart backup --help',
  traces: ['backup'],
  judge: builtIn('torwart backup'),
}

/** A policy is tested before it is taken. */
export const policyTested: Measure = {
  what: {
    en: 'A policy must pass its own tests before it is taken',
    de: 'Eine Richtlinie muss ihre eigenen Tests bestehen, bevor sie gilt',
  },
  proof: 'torwart check --tests',
  traces: ['reloaded'],
  judge: ({ policy: { mustPassTests } }) => [
    setting('reload.tests', mustPassTests ? 'require' : 'off', whether(mustPassTests)),
  ],
}

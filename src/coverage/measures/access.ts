/** Measures about who is let in, how, and how they are stopped. */
import { type KeyEntry, keyStatus } from '../../auth/api-keys/key-file.ts'
import { isLoopback } from '../../policy/address.ts'
import type { Policy } from '../../policy/policy.ts'
import { builtIn, type Measure, ofRoles, type Setting, setting, usingRoles, whether } from '../measure.ts'

/** Every request needs a credential. */
export const callersKnown: Measure = {
  what: {
    en: 'Every request needs a credential; of API keys only the SHA-256 is kept',
    de: 'Jede Anfrage braucht einen Nachweis; von API-Schlüsseln wird nur der SHA-256 gespeichert',
  },
  proof: 'torwart key list',
  traces: ['loginRefused', 'keyChanged'],
  judge: builtIn('credentials'),
}

/** Keys expire. */
export const keysExpire: Measure = {
  what: { en: 'Every active key has a date of expiry', de: 'Jeder aktive Schlüssel hat ein Ablaufdatum' },
  proof: 'torwart key list',
  traces: ['keyChanged'],
  judge({ keys, nowMs }) {
    const active = keys.filter((key) => keyStatus(key, nowMs) === 'active')
    if (active.length === 0) return [setting('keys.file', 'no active key', 'partly')]
    const counted = (isMeant: (key: KeyEntry) => boolean) => active.filter(isMeant).length
    const ending = counted(({ expires }) => expires !== undefined)
    const endless = active.length - ending
    return [
      ...(ending > 0 ? [setting('keys.file', `${ending} with expiry`, 'met')] : []),
      ...(endless > 0 ? [setting('keys.file', `${endless} without expiry`, 'not')] : []),
    ]
  },
}

/** What leaves the machine is encrypted. */
export const transportEncrypted: Measure = {
  what: {
    en: 'Connections to other machines use TLS: clients, model servers, Redis, receivers of records',
    de: 'Verbindungen zu anderen Rechnern nutzen TLS: Clients, Modellserver, Redis, Empfänger von Einträgen',
  },
  proof: 'torwart doctor',
  traces: ['answered'],
  judge({ policy }) {
    const { host, loopback, tls } = policy.listen
    const listener =
      tls === undefined
        ? setting('listen.address', host, whether(loopback))
        : setting('listen.tls', tls.cert, 'met')
    return [
      listener,
      ...connectionsOf(policy)
        .filter(({ isSafe }) => !isSafe)
        .map(unsafe),
    ]
  },
}

interface Connection {
  readonly path: string
  readonly isSafe: boolean
}

function connectionsOf({ upstreams, store, audit, telemetry, admin }: Policy): readonly Connection[] {
  return [
    ...upstreams.map(({ name, origin }) => ({ path: `upstreams.${name}.url`, isSafe: isPrivate(origin) })),
    ...(store.redis?.urls ?? []).map((url) => ({ path: 'store.redis', isSafe: isPrivate(url) })),
    ...audit.forward.map(({ name, url }) => ({ path: `audit.forward.${name}.url`, isSafe: isPrivate(url) })),
    ...(telemetry.otlp ? [{ path: 'telemetry.otlp.url', isSafe: isPrivate(telemetry.otlp.url) }] : []),
    // The admin listener has no TLS of its own.
    { path: 'admin.address', isSafe: admin.loopback },
  ]
}

const encrypted = new Set(['https:', 'rediss:', 'tls:', 'stdout:'])

/** Whether nobody on the way can read what goes there. */
function isPrivate(url: string): boolean {
  const { protocol, hostname } = new URL(url)
  return encrypted.has(protocol) || isLoopback(hostname.replaceAll(/^\[|\]$/g, ''))
}

function unsafe({ path }: Connection): Setting {
  return setting(path, 'not encrypted', 'not')
}

/** The admin API needs a token. */
export const adminGuarded: Measure = {
  what: {
    en: 'The admin API needs a token, for reading too',
    de: 'Die Admin-API braucht ein Token, auch zum Lesen',
  },
  proof: 'torwart check',
  traces: ['loginRefused'],
  judge: ({ policy: { admin } }) => [
    setting(
      'admin.token',
      admin.token === undefined ? 'absent' : 'set',
      admin.token === undefined ? 'partly' : 'met',
    ),
  ],
}

/** Anything can be stopped at once. */
export const killSwitch: Measure = {
  what: {
    en: 'A key, role, model, person or everything can be stopped at once, running requests included',
    de: 'Schlüssel, Rolle, Modell, Person oder alles lässt sich sofort stoppen, auch laufende Anfragen',
  },
  proof: 'torwart freeze all --why TEST && torwart unfreeze all',
  traces: ['frozen'],
  judge: builtIn('kill switch'),
}

/** Purposes are stated. */
export const purposesStated: Measure = {
  what: {
    en: 'It is stated and recorded what each role or key is for',
    de: 'Für jede Rolle oder jeden Schlüssel ist der Zweck angegeben und wird aufgezeichnet',
  },
  proof: 'torwart access',
  traces: ['purposeRecorded'],
  judge: ({ policy, keys, nowMs }) =>
    ofRoles(usingRoles(policy), ({ name, purpose }) => {
      const own = keys.filter((key) => key.role === name && keyStatus(key, nowMs) === 'active')
      const stated = own.filter((key) => key.purpose !== undefined).length
      if (purpose === undefined && own.length > 0 && stated === own.length)
        return [setting('keys.file', `${name}: ${stated} with purpose`, 'met')]
      return [setting(`roles.${name}.purpose`, purpose, whether(purpose !== undefined))]
    }),
}

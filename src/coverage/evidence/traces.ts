/** What the audit log may hold that shows a measure at work: a kind of record for each. */
import type { Entry } from '../../audit/write/entry.ts'
import type { Words } from '../words.ts'

interface Trace {
  readonly what: Words
  /** Whether a record shows it. */
  shows(entry: Entry): boolean
}

const codeOf = (entry: Entry) => entry.ending?.code ?? ''
const hasCode =
  (...codes: readonly string[]) =>
  (entry: Entry) =>
    codes.includes(codeOf(entry))
const isEvent = (form: RegExp) => (entry: Entry) => form.test(entry.event ?? '')

/** Whether the output guard found something of this category. */
const hasFound = (category: string) => (entry: Entry) =>
  Array.isArray(entry.findings) &&
  (entry.findings as NonNullable<Entry['findings']>).some(
    (finding) => finding.guard === 'output' && finding.category === category,
  )

const trace = (en: string, de: string, shows: Trace['shows']): Trace => ({ what: { en, de }, shows })

/** Kinds of records, by name. */
export const traces = {
  request: trace('a request', 'eine Anfrage', ({ route }) => route !== undefined),
  answered: trace(
    'an answered request',
    'eine beantwortete Anfrage',
    ({ ending }) => ending?.kind === 'answered',
  ),
  promptBlocked: trace('a prompt was blocked', 'ein Prompt wurde abgelehnt', hasCode('prompt_blocked')),
  outputBlocked: trace('a response was blocked', 'eine Antwort wurde gestoppt', hasCode('output_blocked')),
  marked: trace(
    'texts were marked as data',
    'Texte wurden als Daten gekennzeichnet',
    ({ marked }) => Number(marked) > 0,
  ),
  opinion: trace(
    'a guard model was asked',
    'ein Wächtermodell wurde gefragt',
    ({ opinion }) => opinion !== undefined,
  ),
  unread: trace(
    'content that no guard read went to a model',
    'Inhalte, die kein Wächter las, gingen an ein Modell',
    ({ unread }) => Array.isArray(unread) && unread.length > 0,
  ),
  secretCut: trace(
    'a secret was found in a response',
    'ein Geheimnis in einer Antwort gefunden',
    hasFound('secrets'),
  ),
  personalDataCut: trace(
    'personal data was found in a response',
    'personenbezogene Daten in einer Antwort gefunden',
    hasFound('pii'),
  ),
  linkCut: trace('a link was found in a response', 'ein Link in einer Antwort gefunden', hasFound('links')),
  controlCut: trace(
    'control characters were found in a response',
    'Steuerzeichen in einer Antwort gefunden',
    hasFound('controls'),
  ),
  formMissed: trace(
    'a response lacked the form it was asked for',
    'Eine Antwort hatte nicht die verlangte Form',
    hasFound('schema'),
  ),
  scriptFound: trace('code was found in a response', 'Code in einer Antwort gefunden', hasFound('scripts')),
  systemPromptFound: trace(
    'the system prompt was found in a response',
    'der Systemprompt in einer Antwort gefunden',
    (entry) => hasFound('theft')(entry) || hasFound('canary')(entry),
  ),
  toolRefused: trace('a tool was refused', 'ein Werkzeug wurde abgelehnt', hasCode('tool_not_allowed')),
  approval: trace('an approval', 'eine Freigabe', isEvent(/^approval /)),
  toolPinned: trace(
    'a tool definition was accepted',
    'eine Werkzeugdefinition wurde angenommen',
    isEvent(/^tool /),
  ),
  rightRefused: trace(
    'a route or model was refused',
    'eine Route oder ein Modell wurde abgelehnt',
    hasCode('route_not_allowed', 'model_not_allowed'),
  ),
  loginRefused: trace(
    'a credential was refused',
    'ein Nachweis wurde abgelehnt',
    hasCode('invalid_credentials'),
  ),
  modelChecked: trace(
    'a model was locked, accepted, or found changed',
    'ein Modell wurde gesperrt, angenommen oder verändert gefunden',
    (entry) => isEvent(/^model /)(entry) || codeOf(entry) === 'model_quarantined',
  ),
  limited: trace(
    'a limit refused a request',
    'ein Limit hat eine Anfrage abgelehnt',
    hasCode('rate_limited', 'too_many_concurrent'),
  ),
  budgetUsedUp: trace(
    'a token budget was used up',
    'ein Token-Budget war aufgebraucht',
    hasCode('tokens_exhausted'),
  ),
  loopBroken: trace(
    'a loop was stopped',
    'eine Schleife wurde gestoppt',
    (entry) => hasCode('breaker_open', 'repetition')(entry) || isEvent(/^breaker opened$/)(entry),
  ),
  storeAway: trace(
    'a request was refused while the store was away',
    'Anfrage abgelehnt, Zählspeicher nicht erreichbar',
    hasCode('store_unavailable'),
  ),
  serverFailed: trace(
    'a model server failed',
    'ein Modellserver ist ausgefallen',
    hasCode('upstream_failed', 'upstream_unavailable', 'upstream_timeout'),
  ),
  keyChanged: trace(
    'a key or token was changed',
    'ein Schlüssel oder Token wurde geändert',
    isEvent(/^(key|token) /),
  ),
  frozen: trace('something was frozen', 'etwas wurde eingefroren', isEvent(/^frozen$/)),
  purposeRecorded: trace(
    'a request with its purpose',
    'eine Anfrage mit ihrem Zweck',
    ({ purpose }) => typeof purpose === 'string',
  ),
  checkpoint: trace('a signed checkpoint', 'ein signierter Prüfpunkt', isEvent(/^checkpoint$/)),
  erased: trace('an erasure', 'eine Löschung', isEvent(/^erased$/)),
  reloaded: trace('a policy was reloaded', 'eine Richtlinie wurde neu geladen', isEvent(/^reloaded$/)),
  incident: trace('an incident', 'ein Vorfall', isEvent(/^incident /)),
  backup: trace('a backup', 'eine Sicherung', isEvent(/^backup (made|restored)$/)),
  anomaly: trace('an anomaly', 'eine Auffälligkeit', isEvent(/^anomaly /)),
} as const satisfies Readonly<Record<string, Trace>>

/** The name of a kind of record. */
export type TraceId = keyof typeof traces

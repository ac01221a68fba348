/** The words of reports, in each language. */
import type { Checked } from './framework.ts'
import type { State } from './judge.ts'
import type { Language } from './words.ts'

const en = {
  title: 'Coverage of frameworks by a Torwart policy',
  lead: 'Computed from the settings of this policy and from evidence. It is no legal advice and no certificate: it shows what a gateway does for requests that pass through it, and what remains yours.',
  states:
    'Met: the settings below do all that this report asks of the gateway for the control. Partly: some of it, or the control asks for more than settings can do. Not: a setting without which it is not met is off. Yours: no setting contributes.',
  policy: 'Policy',
  made: 'Made',
  program: 'Program',
  log: 'Audit log',
  noLog: 'there is none yet',
  cutOff: 'only its newest part was searched',
  attack: 'Attack run',
  noAttack: 'none given (--attack FILE)',
  otherPolicy: 'of another version of the policy',
  summary: 'Summary',
  framework: 'Framework',
  gaps: 'Gaps first',
  gapsLead: 'What is not done, or in part only. First what most controls wait for.',
  noGaps: 'No setting leaves anything open.',
  setting: 'As it is set',
  measure: 'What would be done',
  controls: 'Controls that wait for it',
  asks: 'Asks',
  by: 'Met by',
  open: 'Open',
  proof: 'Shown by',
  evidence: 'Last evidence',
  none: 'none found',
  limit: 'Why not wholly',
  yours: 'Yours',
  applies: 'Applies',
  source: 'Source',
  checked: 'Id and title',
  through: 'came through in the attack run',
  tried: 'attacks tried',
  stopped: 'stopped',
  record: 'record',
  passed: 'passed test run',
  state: 'State',
}

/** The words of a report. */
export type Texts = { readonly [name in keyof typeof en]: string }

const de: Texts = {
  title: 'Abdeckung von Rahmenwerken durch eine Torwart-Richtlinie',
  lead: 'Berechnet aus den Einstellungen dieser Richtlinie und aus Nachweisen. Keine Rechtsberatung und kein Zertifikat: Der Bericht zeigt, was ein Gateway für die Anfragen tut, die es passieren, und was bei Ihnen bleibt.',
  states:
    'Erfüllt: Die genannten Einstellungen tun alles, was dieser Bericht vom Gateway für die Anforderung verlangt. Teilweise: einen Teil davon, oder die Anforderung verlangt mehr, als Einstellungen leisten. Nicht: Eine Einstellung, ohne die sie nicht erfüllt ist, fehlt. Ihre Sache: Keine Einstellung trägt bei.',
  policy: 'Richtlinie',
  made: 'Erstellt',
  program: 'Programm',
  log: 'Audit-Log',
  noLog: 'es gibt noch keines',
  cutOff: 'nur der neueste Teil wurde durchsucht',
  attack: 'Angriffslauf',
  noAttack: 'keiner angegeben (--attack DATEI)',
  otherPolicy: 'einer anderen Version der Richtlinie',
  summary: 'Übersicht',
  framework: 'Rahmenwerk',
  gaps: 'Zuerst die Lücken',
  gapsLead: 'Was nicht oder nur teilweise geschieht. Zuerst, worauf die meisten Anforderungen warten.',
  noGaps: 'Keine Einstellung lässt etwas offen.',
  setting: 'Jetzige Einstellung',
  measure: 'Was geschehen würde',
  controls: 'Anforderungen, die darauf warten',
  asks: 'Verlangt',
  by: 'Erfüllt durch',
  open: 'Offen',
  proof: 'Zeigt sich mit',
  evidence: 'Letzter Nachweis',
  none: 'keiner gefunden',
  limit: 'Warum nicht ganz',
  yours: 'Ihre Sache',
  applies: 'Gilt',
  source: 'Quelle',
  checked: 'Nummer und Titel',
  through: 'kam im Angriffslauf durch',
  tried: 'Angriffe versucht',
  stopped: 'gestoppt',
  record: 'Eintrag',
  passed: 'bestandener Testlauf',
  state: 'Stand',
}

/** The words by language. */
export const texts: Readonly<Record<Language, Texts>> = { en, de }

/** How states are called. */
export const stateWords: Readonly<Record<Language, Readonly<Record<State, string>>>> = {
  en: { met: 'met', partly: 'partly', not: 'not', yours: 'yours' },
  de: { met: 'erfüllt', partly: 'teilweise', not: 'nicht', yours: 'Ihre Sache' },
}

/** What ids and titles were compared with. */
export const checkedWords: Readonly<Record<Language, Readonly<Record<Checked, string>>>> = {
  en: {
    published: 'compared with the published text',
    copy: 'compared with copies of the text only',
    no: 'not compared with the text',
  },
  de: {
    published: 'mit dem veröffentlichten Text verglichen',
    copy: 'nur mit Abschriften des Textes verglichen',
    no: 'nicht mit dem Text verglichen',
  },
}

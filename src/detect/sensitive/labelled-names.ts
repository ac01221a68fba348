/**
 * Names of people behind what announces one: a label (`Patient: …`, `"firstName": "…"`), a salutation (`Dear …`, `Sehr
 * geehrte Frau …`) or a title (`Herr …`, `Mrs …`). In capitals as names are written; not: names in small letters, and
 * those that nothing announces.
 */
import { anyCase, type Detector, maxOpenLength, namedValue, placedDetector } from './detector.ts'

const part = "\\p{Lu}(?:\\.|[\\p{L}\\p{M}'’]{1,24}(?:-\\p{Lu}[\\p{L}\\p{M}'’]{1,24})?)"
const particle =
  '(?:v[ao]n|vom|zu[mr]?|de[nrlm]?|de la|de los|della|d[aiou]s?|du|l[ae]|te[nr]|van de[nr]?|bin|ibn|al|el|y)'
const blank = '[ \\u00a0]{1,2}'
const title =
  '(?:(?:Dr|Prof|Dipl|Ing|Mag|med|phil|rer|nat|jur|Mr|Mrs|Ms|Sra?|Srta|Sig|Mme|Mlle|Dhr|Mevr)\\.?(?:-Ing\\.)?[ -]|(?:Herrn?|Frau|Mister|Miss|Doctor|Professor|Madame|Monsieur|Señora?|Senhora?|Signora?|Pani?|Pana|meneer|mevrouw|heer) )'
const titles = `(?:${title}){0,4}`
const joined = `(?:${particle} ){0,2}${part}`
const person = `${titles}(?<value>${joined}(?:${blank}${joined}){0,4})`
/** Also `Müller, Anna`. */
const listed = `${titles}(?<value>${part}(?:,?${blank}${joined}){0,4})`
/** The same of two words and more. */
const full = `${titles}(?<value>${part}(?:,?${blank}${joined}){1,4})`
/** Behind it the name is over: no digit or sign that would make it a product or a file. */
const over = "(?![\\p{L}\\p{M}\\p{N}_@/\\\\]|[.:’'-][\\p{L}\\p{N}])"
/** What all of these may have become so far, at the end of a text that is still being written. */
const begun = `(?:(?:\\p{Lu}[\\p{L}\\p{M}'’.-]{0,50}|${particle}|${title})[ \\u00a0,.-]{1,3}){0,9}[\\p{L}\\p{M}'’.-]{0,50}$`

/** Nor is its last word a label itself. */
const overLabel = `${over}(?![ \\u00a0]{0,2}[:=])`

const sign =
  '["\'’*_\\]]{0,3}[ \\t\\u00a0]{0,2}(?::|=>?)[*_]{0,2}[ \\t\\u00a0]{0,4}\\n?[ \\t]{0,4}["\'“„«*_]{0,3}'
const whole = (words: readonly string[]) =>
  `(?<=(?<![\\p{L}\\p{N}_])(?:${words.map((word) => word.replaceAll('.', '\\.')).join('|')}))`

interface Announcement {
  readonly triggers: readonly string[]
  /** Source of what stands between the end of a trigger and the name, with what must stand in front. */
  readonly lead: string
  /** Source of the name, with what must stand behind it. */
  readonly name: string
}

const names = anyCase('name')
const owners = anyCase(
  ...['first', 'last', 'given', 'family', 'full', 'middle', 'maiden', 'sur', 'customer', 'client', 'patient'],
  ...['contact', 'employee', 'applicant', 'recipient', 'cardholder', 'holder', 'spouse', 'child', 'parent'],
  ...['physician', 'person', 'student', 'teacher', 'tenant', 'guest', 'passenger', 'legal', 'preferred'],
  ...['birth', 'billing', 'shipping', 'vor', 'nach', 'familien', 'geburts', 'ruf', 'kunden', 'patienten'],
)
const roles = anyCase(
  ...['patient', 'patientin', 'kunde', 'kundin', 'mandant', 'mandantin', 'klient', 'versicherter', 'mieter'],
  ...['ansprechpartner', 'ansprechpartnerin', 'kontoinhaber', 'empfänger', 'mitarbeiter', 'mitarbeiterin'],
  ...[
    'customer',
    'client',
    'contact person',
    'employee',
    'applicant',
    'cardholder',
    'account holder',
    'attn',
  ],
  ...['signed by', 'recipient', 'insured', 'policyholder', 'tenant', 'witness', 'nom', 'prénom', 'cognome'],
  ...['nombre', 'apellidos', 'apellido', 'paciente', 'naam', 'voornaam', 'achternaam', 'imię', 'nazwisko'],
  ...['imię i nazwisko', 'cliente', 'klant', 'nom de famille'],
)
const salutations = anyCase(
  ...['dear', 'liebe', 'lieber', 'hallo', 'guten tag', 'cher', 'chère', 'bonjour', 'estimado', 'estimada'],
  ...['querido', 'querida', 'gentile', 'egregio', 'egregia', 'caro', 'cara', 'beste', 'geachte', 'szanowny'],
  ...['szanowna', 'prezado', 'prezada', 'kære', 'bästa', 'sehr geehrte', 'sehr geehrter'],
)
const forms = [
  ...['Herr', 'Herrn', 'Frau', 'Mr', 'Mrs', 'Ms', 'Mr.', 'Mrs.', 'Ms.', 'Miss', 'Mister', 'Dr.', 'Prof.'],
  ...['Mme', 'Mlle', 'Monsieur', 'Madame', 'Sra.', 'Sr.', 'Señor', 'Señora', 'Signor', 'Signora', 'Dhr.'],
  ...['Mevr.', 'Pani', 'mevrouw', 'meneer'],
]

const announcements: readonly Announcement[] = [
  // `name` behind a word that says whose.
  {
    triggers: names,
    lead: `(?<=(?:^|[^\\p{L}]|[a-z](?=[A-Z]))(?:${owners.join('|')})[ _.-]?(?:${names.join('|')}))s?${sign}`,
    name: listed + overLabel,
  },
  // Alone it is the name of anything; a person's has two words in capitals and nothing else on the line.
  {
    triggers: names,
    lead: `(?<=(?:^|[\\n"'{,|*>-][ \\t]{0,8})["'*_]{0,3}(?:[Yy]our |[Mm]y |Ihr )?(?:${names.join('|')}))${sign}`,
    name: `${full}(?=["'*_]{0,3}[ \\t]{0,3}(?:[\\n",;}|]|$))`,
  },
  { triggers: roles, lead: whole(roles) + sign, name: listed + overLabel },
  {
    triggers: salutations,
    lead: whole(salutations) + blank,
    name: `${person}${over}(?=[,!.:;\\n"'<]|[ \\t]*(?:\\n|$)| -| und | and | et | y )`,
  },
  { triggers: forms, lead: whole(forms) + blank, name: person + over },
]

/** Written like a name behind a salutation or a title, and none. */
const nobody =
  /^(?:sirs?|madams?|ma'?am|teams?|all|everyone|everybody|customers?|users?|friends?|colleagues?|diary|hiring|managers?|editors?|readers?|god|lord|santa|students?|parents?|members?|mom|dad|sister|brother|ladies|gentlemen|damen|herren|kolleg\p{L}*|kund\p{L}*|gr(?:ü|ue)(?:ß|ss)e?|leser\p{L}*|freund\p{L}*|eltern|mitarbeit\p{L}*|nutzer\p{L}*|gäste|doktor|professor|präsident\p{L}*|minister\p{L}*|welt|world|messieurs|mesdames|madame|monsieur|client\p{L}*|amis?|collègues?|señor(?:es|a|as)?|amig\p{L}*|collega\p{L}*|klant\p{L}*|groeten|allemaal|null|none|unknown|unbekannt|true|false|string|text|name|example|the|this|that|is)$/iu

const labels = new Set(roles)
const isLabel = (word: string) => labels.has(word) || /name$/i.test(word)

/** Finds names by what announces them. */
export const labelledNames: readonly Detector[] = announcements.map(({ triggers, lead, name }) => {
  const open = new RegExp(`${lead}(?=${begun})`, 'gu')
  return {
    ...placedDetector({
      type: 'name',
      maxLength: 160,
      triggers,
      pattern: new RegExp(lead + name, 'uy'),
      accept(match) {
        const words = (match.groups?.value ?? '').split(/[ \u00a0,]+/)
        // Its last word may be a label itself, of what follows.
        const isNone = nobody.test(words[0] ?? '') || isLabel(words.at(-1) ?? '')
        return isNone ? undefined : namedValue(match)
      },
    }),
    hold(text) {
      const tail = text.slice(-maxOpenLength)
      open.lastIndex = 0
      const match = open.exec(tail)
      return match ? text.length - tail.length + match.index + match[0].length : text.length
    },
  }
})

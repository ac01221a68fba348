/**
 * Postal addresses: street, number, postcode and town, as Germany, Austria, Switzerland, the Netherlands, France, Italy, Spain,
 * Poland, Britain, the United States and Canada write them. Not: parts of one, which are places and not somebody's.
 */
import { anyCase, type Detector, maxOpenLength, placedDetector } from './detector.ts'

/** Between the parts: a comma, the end of a line, the next cell. */
const sep = '[ \\t]{0,2}(?:,[ \\t]{0,2}\\r?\\n?|\\r?\\n|[;|·])[ \\t]{0,8}'
const loose = `(?:${sep}|[ \\t]{1,2})`
const proper = "\\p{Lu}[\\p{L}\\p{M}'’.-]{1,28}"
const small =
  '(?:am|an|der|die|den|dem|im|in|bei|ob|vor|zu|sur|sous|la|le|les|en|de|del|di|du|y|aan|op|upon|on|the|of)'
/** What may stand in front of another word of a town's name. */
const ofTowns =
  '(?:Bad|New|San|Santa|Santo|St\\.?|Saint|Sankt|Ste|Los|Las|Den|La|Le|Les|El|Fort|Port|North|South|East|West|Great|Groß|Klein|Alt|Neu|Hong|Villa|Castel|Nowy|Nowa|Stary|Stara|Zielona|Jelenia|Reggio|Lake|Mount|Milton)'
const name = "\\p{Lu}[\\p{L}\\p{M}'’.-]{0,27}[\\p{L}\\p{M}]"
/** At the end of an address: a word behind it may begin a sentence. */
const town = `(?:${ofTowns}[ -]){0,2}${name}(?: ${small} ${name}| \\d{1,2}(?![\\d.,]))?`
/** In front of a state or a postcode: all words. */
const townWithin = `${name}(?: ${name}){0,3}`
const over = '(?![\\p{L}\\p{M}\\p{N}_])'
/** Within a house: flat, floor, stair. */
const inside = `(?:${loose}(?:[Aa]pt|[Aa]partment|[Ss]uite|[Ss]te|[Uu]nit|[Ff]lat|[Ff]loor|[Rr]oom|#|App|Whg|Wohnung|Stiege|Top|Hinterhaus|Seitenflügel|bus|m|lok)\\.? ?[\\w/-]{1,6}){0,2}`

const house = '\\d{1,4} ?[a-zA-Z]?(?:[-–/+] ?\\d{1,4}[a-zA-Z]?){0,2}'
const german = `[ \\u00a0]${house}${inside}${sep}(?:(?:D|DE|A|AT|CH|L)[- ])?\\d{4,5} ${town}`
const dutch = `[ \\u00a0]\\d{1,5} ?[a-zA-Z]?(?:[-/ ]{1,2}[\\dA-Za-z]{1,4})?${sep}(?:NL-)?\\d{4} ?[A-Z]{2} {1,2}${town}`
const southern = `(?:,? (?:n\\.?[°º]? ?|nº ?)?\\d{1,4}[a-zA-Z]?(?:[-/]\\d{1,4})?)(?:,? \\d{1,2}[º°ª]?[ -]?[A-Za-z]{0,3})?${sep}(?:[IE]-)?\\d{5} ${town}`
const polish = ` \\d{1,4}[a-zA-Z]?(?:/\\d{1,4}[a-zA-Z]?)?${inside}${sep}\\d{2}-\\d{3} ${town}`
const british = '[A-Z]{1,2}\\d[A-Z\\d]? ?\\d[A-Z]{2}'
const american = '[A-Z]{2}\\.?,? {1,2}\\d{5}(?:-\\d{4})?'
const canadian = '[A-Z]{2},? {1,2}[A-Z]\\d[A-Z] ?\\d[A-Z]\\d'
const english = `\\.?(?: [NSEW]{1,2}\\.?)?${inside}(?:${sep}${townWithin}){0,3}(?:${loose}(?:${american}|${canadian}|${british}))`
const french = ` (?:(?:${small}|d[eu]s?|l['’]|d['’]) ?){0,3}${proper}(?:[ -](?:(?:${small}|d[eu]s?|l['’]|d['’]) ?){0,2}(?:${proper}|\\d{1,4})){0,4}${inside}${sep}(?:F-)?\\d{5} ${town}`

/** A number and up to four words in front of the kind of a street. */
const numbered = `(?<![\\p{L}\\p{N}.,-])\\d{1,5}[A-Za-z]?(?:[-/]\\d{1,4})?,?(?: [NSEW]{1,2}\\.?)?(?: (?:${proper}|\\d{1,3}(?:st|nd|rd|th))){1,4}`
const frenchNumber = '(?<![\\p{L}\\p{N}.-])\\d{1,4}(?: ?(?:bis|ter|quater|[A-D]))?,? '

interface Form {
  readonly triggers: readonly string[]
  /** Source of what stands in front of the end of a trigger, with the trigger. */
  readonly head: string
  /** Source of what follows. */
  readonly rest: string
}

const oneOf = (words: readonly string[]) => words.map((word) => word.replaceAll('.', '\\.')).join('|')

const germanKinds = [
  'straße',
  'strasse',
  'str.',
  'weg',
  'platz',
  'allee',
  'gasse',
  'ring',
  'damm',
  'ufer',
  'chaussee',
]
const germanWords = [
  'Am',
  'An der',
  'An den',
  'Auf der',
  'Im',
  'In der',
  'Unter den',
  'Zum',
  'Zur',
  'Hinter der',
]
const dutchKinds = [
  'straat',
  'laan',
  'plein',
  'gracht',
  'kade',
  'singel',
  'dijk',
  'weg',
  'hof',
  'dreef',
  'pad',
  'markt',
]
const southernKinds = [
  ...[
    'Via',
    'Viale',
    'Piazza',
    'Corso',
    'Largo',
    'Calle',
    'C/',
    'Avenida',
    'Avda.',
    'Plaza',
    'Paseo',
    'Carrer',
  ],
]
const polishKinds = ['ul.', 'al.', 'pl.', 'os.', 'Ul.', 'Al.']
const englishKinds = [
  ...[
    'Street',
    'St',
    'Road',
    'Rd',
    'Avenue',
    'Ave',
    'Lane',
    'Ln',
    'Drive',
    'Dr',
    'Boulevard',
    'Blvd',
    'Way',
    'Court',
  ],
  ...[
    'Ct',
    'Place',
    'Pl',
    'Close',
    'Terrace',
    'Square',
    'Crescent',
    'Gardens',
    'Grove',
    'Mews',
    'Row',
    'Hill',
    'Parkway',
  ],
  ...['Pkwy', 'Highway', 'Hwy', 'Circle', 'Cir', 'Trail', 'Green', 'Park', 'Walk'],
]
const frenchKinds = anyCase(
  ...[
    'rue',
    'avenue',
    'av.',
    'boulevard',
    'bd',
    'place',
    'allée',
    'impasse',
    'chemin',
    'quai',
    'route',
    'cours',
  ],
)

const ownWord = oneOf(germanKinds.map((kind) => kind.charAt(0).toUpperCase() + kind.slice(1)))
/** `Berliner Straße`, `Ahornweg`. */
const street = (kinds: string) =>
  `(?<![\\p{L}\\p{M}\\p{N}])(?:\\p{Lu}[\\p{L}\\p{M}.'’-]{1,40} (?:${ownWord})|[\\p{L}\\p{M}.'’-]{2,48}(?:${kinds}))`
const first = (words: readonly string[]) => `(?<![\\p{L}\\p{N}])(?:${oneOf(words)}) `

const forms: readonly Form[] = [
  {
    triggers: germanKinds.flatMap((kind) => anyCase(kind)),
    head: street(oneOf(germanKinds)),
    rest: german,
  },
  {
    triggers: germanWords.map((word) => `${word} `),
    head: first(germanWords),
    rest: `${proper}(?: ${proper})?${german}`,
  },
  { triggers: dutchKinds, head: street(oneOf(dutchKinds)), rest: dutch },
  {
    triggers: southernKinds.map((word) => `${word} `),
    head: first(southernKinds),
    rest: `(?:(?:${small}|dell[ao]|los|las) ){0,2}${proper}(?: (?:${small} ){0,2}${proper}){0,3}${southern}`,
  },
  {
    triggers: polishKinds.map((word) => `${word} `),
    head: first(polishKinds),
    rest: `${proper}(?: ${proper}){0,3}${polish}`,
  },
  {
    triggers: englishKinds.map((word) => ` ${word}`),
    head: `${numbered} (?:${englishKinds.join('|')})`,
    rest: english,
  },
  {
    triggers: frenchKinds.map((word) => ` ${word}`),
    head: `${frenchNumber}(?:${oneOf(frenchKinds)})`,
    rest: french,
  },
]

/** What all of these may have become so far, at the end of a text that is still being written. */
const gap = '[ \\t,;|·.\\r\\n\\u00a0-]{1,12}'
const token = `(?:\\p{Lu}[\\p{L}\\p{M}\\p{N}'’./-]{0,30}|\\d[\\d\\p{L}/+º°ª–-]{0,14}|#|n\\.?[º°]|${small}|d[eu]s?|dell[ao]|los|las|[ld]['’]\\p{Lu}[\\p{L}-]{0,30}|bis|ter|quater|bus|lok|m|apt|suite|unit|floor|${oneOf(frenchKinds)})`
const onwards = `(?:${token}${gap}){0,24}[\\p{L}\\p{M}\\p{N}'’./#º°–-]{0,31}$`
const begun = new RegExp(
  [
    `(?<![\\p{L}\\p{N}.,-])\\d{1,5}[A-Za-z]?(?:[-/]\\d{1,4})?${gap}${onwards}`,
    `(?<![\\p{L}\\p{M}\\p{N}])\\p{Lu}[\\p{L}\\p{M}.'’-]{1,40} (?:\\p{Lu}\\p{L}{0,8}\\.?)?$`,
    `${street(oneOf([...germanKinds, ...dutchKinds]))}[ \\u00a0](?:\\d[\\d\\p{L}/+–-]{0,14}(?:${gap}${onwards}|$)|$)`,
    `(?<![\\p{L}\\p{N}])(?:Am|An|Auf|Im|In|Unter|Zum|Zur|Hinter|${oneOf([...southernKinds, ...polishKinds])}) ${onwards}`,
  ].join('|'),
  'u',
)
const none: Pick<Detector, 'hold'> = {}

/** Finds whole postal addresses. */
export const postalAddresses: readonly Detector[] = forms.map(({ triggers, head, rest }, index) => ({
  ...placedDetector({
    type: 'address',
    maxLength: 200,
    triggers,
    pattern: new RegExp(`(?<=(?<head>${head}))${rest}${over}`, 'uy'),
    accept: (match) => ({
      start: match.index - (match.groups?.head?.length ?? 0),
      end: match.index + match[0].length,
    }),
  }),
  // One of them asks for all.
  ...(index === 0 ? { hold: holdAddress } : none),
}))

function holdAddress(text: string): number {
  const from = startOfAddress(text)
  const tail = text.slice(from)
  // One word is none, and waits for its end anyway; a number with a comma does not.
  const match = /[\s,]/.test(tail) ? begun.exec(tail) : null
  return match ? from + match.index : text.length
}

/** Words in small letters that addresses have. */
const smallWord = new RegExp(
  `^(?:${small}|d[eu]s?|dell[ao]|los|las|[ld]['’].*|bis|ter|quater|bus|lok|m|n\\.?[º°]|apt|suite|unit|floor|${oneOf([...frenchKinds, ...polishKinds])}|.*(?:${oneOf([...germanKinds, ...dutchKinds])}))[,;.]*$`,
  'u',
)
const blank = /\s/

/** Behind the last whole word that is part of none: in prose one of the last. */
function startOfAddress(text: string): number {
  const first = Math.max(0, text.length - maxOpenLength)
  let at = text.length
  while (at > first && !blank.test(text.charAt(at - 1))) at--
  while (at > first) {
    let end = at
    while (end > first && blank.test(text.charAt(end - 1))) end--
    let start = end
    while (start > first && !blank.test(text.charAt(start - 1))) start--
    const word = text.slice(start, end)
    if (/^\p{Ll}/u.test(word) && !smallWord.test(word)) return at
    at = start
  }
  return first
}

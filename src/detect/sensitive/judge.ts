/**
 * What a secret looks like: not like a word somebody chose, nor like the blank somebody is to fill in. By the changes
 * between letters and digits, which names have few of and keys have many, and by what documentation writes instead.
 */

/** Bits a character (Shannon). */
export function entropy(value: string): number {
  const counts = new Map<string, number>()
  for (const character of value) counts.set(character, (counts.get(character) ?? 0) + 1)
  let bits = 0
  for (const count of counts.values()) bits -= (count / value.length) * Math.log2(count / value.length)
  return bits
}

/** Units of a value that are looked at: hostile texts are full of long ones. */
const enough = 64

/** Keys and tokens of vendors' own documentation: Stripe's test keys, the token of jwt.io. */
const documented =
  /(?:^|test_)(?:4eC39HqLyjWDarjtT1zdp7dc|BQokikJOvBiI2HlWgH4olfQ2|26PHem9AhJZvU623DfE1x4sd)|eyJzdWIiOiIxMjM0NTY3ODkwI/
const spoken =
  /x{4,}|\*{3,}|\.{3}|\.\.$|example|your[_-]?|placeholder|change[_-]?me|redacted|dummy|insert[_-]|replace|_here\b/i
/** The same of a key whose format is known, and in which runs of the alphabet are no words of documentation. */
const filledIn = /x{6,}|\*{3,}|\.{3}|example|your[_-]?|placeholder|change[_-]?me|redacted|dummy|_here\b/i
const reference =
  /^(?:[$<{[]|\\?\$|%(?:\w{0,3}$|\w+%|[({])|@[\w.]+$|process\.|os\.|env[.[]|config\.|this\.|self\.|[a-z+]{2,12}:\/\/|file:|\/|\.{1,2}\/)/

/** What a template is to put there, somewhere within: `pass:${PASS}`. */
const interpolated = /[$#]\{[\w.:/-]{2,}\}|\{\{[ \w.:/|-]+\}\}/

/** Whether it stands for a value, as in documentation, templates and code. */
export function isPlaceholder(whole: string): boolean {
  const value = whole.slice(0, enough)
  return (
    documented.test(value) ||
    spoken.test(value) ||
    reference.test(value) ||
    interpolated.test(value) ||
    counts(value) ||
    new Set(value).size < Math.min(5, value.length)
  )
}

/** Nearly all of it counts upwards: `0123456789abcdef`. */
function counts(value: string): boolean {
  let steps = 0
  for (let at = 1; at < value.length; at++) if (value.charCodeAt(at) === value.charCodeAt(at - 1) + 1) steps++
  return value.length >= 10 && steps > value.length * 0.85
}

/** Whether somebody is to fill it in, though it has the prefix and the length of a vendor's key. */
export function isBlank(whole: string): boolean {
  const value = whole.slice(0, enough)
  return documented.test(value) || filledIn.test(value) || reference.test(whole)
}

const uuid = /^\{?[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\}?$/i
const hex = /^(?=.*\d)(?:[0-9a-f]{16,}|[0-9A-F]{16,})$/
const names = /^[A-Za-z_$][\w$]*(?:(?:\.|\?\.|->|::)[A-Za-z_$][\w$]*)+/

/** Whether a machine drew it. */
export function looksRandom(whole: string): boolean {
  const value = whole.slice(0, enough)
  if (uuid.test(value) || hex.test(value) || /^\d{12,}$/.test(value)) return true
  if (/^\d{4}-\d\d-\d\d/.test(value)) return false
  if (value.length < 40 && isMember(value)) return false
  const { kinds, cases } = changes(value)
  if (kinds >= 4 || (kinds >= 2 && value.length <= 24)) return entropy(value) >= 2.8
  return cases >= 5 && value.length >= 16 && !isCamel(value) && entropy(value) >= 3.5
}

/** Whether a machine drew it, where names of things stand as well: `<add key="ConnectionString_B2B">`. */
export function looksRandomNoName(whole: string): boolean {
  return looksRandom(whole) && !isCamel(whole.slice(0, enough))
}

/** Whether a machine drew it, in a sentence, where names and numbers stand that look like it. */
export function looksDrawn(whole: string): boolean {
  const value = whole.slice(0, enough)
  return hex.test(value) || (/^\w+$/.test(value) && changes(value).kinds >= 5 && looksRandom(value))
}

/** Whether somebody may have chosen it as a password: letters with digits or signs, or digits alone in quotes. */
export function looksChosen(whole: string, isQuoted: boolean): boolean {
  const value = whole.slice(0, enough)
  if (isQuoted && /^\d{6,}$/.test(value)) return true
  if (!isQuoted && variable.test(value)) return false
  if (selector.test(value)) return false
  return (/\p{L}/u.test(value) && /[\d!@#$%^&*?~+]/.test(value)) || looksRandom(value)
}

const signs = /[!-/:-@[-^`{-~]/g

/** Whether it is made as rules for passwords ask: both cases, digits and signs; many signs; or drawn. */
export function looksStrong(whole: string): boolean {
  const value = whole.slice(0, enough)
  return (
    looksRandom(value) ||
    new Set(value.match(signs)).size >= 6 ||
    (/\p{Ll}/u.test(value) && /\p{Lu}/u.test(value) && /\d/.test(value) && /[!@#$%^&*?~+(){}]/.test(value))
  )
}

/** An element of a page (`#add-password`) or the action of a controller (`users/passwords#update`). */
const selector = /^(?:#[a-z]+(?:-[a-z]+)+|[a-z_]+(?:\/[a-z_]+)*#[a-z_]+)$/
/** Words of which programs make what they say about passwords, in labels, hints and errors. */
const spokenWords = new Set(
  (
    'your you the a an is are was be been must please enter type required invalid wrong incorrect least minimum maximum ' +
    'characters chars letters digits new old current confirm confirmation forgot forgotten forget reset change changed ' +
    'show hide hidden not no to for of and or with without in on at by from if when will has have should can cannot use ' +
    'used using set get this that it my our their same match does user users database account login log sign email ' +
    'default optional value string field example text secret key here click contact see read only none empty missing ' +
    'ihr dein bitte eingeben muss falsch neues altes aktuelles vergessen der die das ein eine und oder nicht ist zeichen ' +
    'mot passe votre le la les un une de du des et ou est pas nouveau su tu nueva el es y debe sua nova uw je nieuw'
  ).split(' '),
)
const ofPasswords = /passw|passphrase|kennw|contrase|senha|wachtw|has[lł]|парол/i

/** Whether words in quotes are a password of several words, and no sentence about one. */
export function isPassphrase(value: string): boolean {
  const words = value.trim().split(/\s+/)
  if (words.length < 2 || words.length > 10 || isPlaceholder(value)) return false
  if (
    words.some((word) => ofPasswords.test(word) || spokenWords.has(word.toLowerCase().replaceAll(/\W/g, '')))
  )
    return false
  return (
    words.some((word) => /\p{L}/u.test(word) && /\d|[!@#$%^&*+~]\S/.test(word)) ||
    (words.length >= 3 && words.every((word) => /^[a-z]{3,12}$/.test(word)))
  )
}

/** Names of variables and of methods that programs write where a value could stand. */
const variable =
  /^(?:[a-z]*(?:pass|passwd|password|pwd|token|secret|key|arg|param|str|string|val|value)_?\d|(?:sha|utf|md|base|argon|bcrypt|int|uint|float)-?\d{1,3}(?:_\w+)?$)/i
const called = /^[A-Za-z_$][\w$.]*[([{<]/

/**
 * Whether it is code that tells a value and none itself: a member, a call, an index. Where a part of it looks drawn it is
 * a value: `qK9.mPq2vLw8`.
 * @param after the unit behind it
 */
export function isExpression(whole: string, after: string, isQuoted: boolean): boolean {
  const value = whole.slice(0, enough)
  // Paths of a member are written in quotes, too.
  if (isQuoted) return isMember(value) || /^[A-Za-z_]\w*\[\d+\]/.test(value)
  if (after === '(' && /^[A-Za-z_$][\w$.]*$/.test(value)) return true
  if (isMember(value)) return true
  const lead = called.exec(value)?.[0]
  return (
    lead !== undefined && (/[)\]}>][;,]?$/.test(value) || (lead.endsWith('(') && changes(lead).kinds < 2))
  )
}

/** A member of something: words with points between them. */
function isMember(value: string): boolean {
  const lead = names.exec(value)?.[0]
  // No name of a member has a hyphen and digits behind it: `mF_9.B5f-4.1JqM`.
  if (lead !== undefined && /\d/.test(lead) && /^-[\w.]*\d/.test(value.slice(lead.length))) return false
  return lead !== undefined && !lead.split(/\.|\?\.|->|::/).some((part) => changes(part).kinds >= 3)
}

/** Words put together, each with a capital: no machine draws so many small letters in a row. */
function isCamel(value: string): boolean {
  let wordy = 0
  for (const word of value.split(/(?=[A-Z])|[_-]/)) if (/^[A-Z]?[a-z]{3,}$/.test(word)) wordy += word.length
  return wordy > value.length * 0.6
}

/** How often a letter stands beside a digit, and a small letter in front of a capital. */
function changes(value: string): { kinds: number; cases: number } {
  let kinds = 0
  let cases = 0
  let last = other
  for (let at = 0; at < value.length; at++) {
    const kind = kindOf(value.charCodeAt(at))
    if (kind !== other && last !== other && (kind === digit) !== (last === digit)) kinds++
    if (kind === capital && last === small) cases++
    last = kind
  }
  return { kinds, cases }
}

const other = 0
const digit = 1
const small = 2
const capital = 3

function kindOf(unit: number): number {
  if (unit >= 0x30 && unit <= 0x39) return digit
  if (unit >= 0x61 && unit <= 0x7a) return small
  return unit >= 0x41 && unit <= 0x5a ? capital : other
}

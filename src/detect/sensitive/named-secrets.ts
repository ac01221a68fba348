/**
 * A value behind a name that says it is secret: `password = …`, `"api_key": "…"`, `--token …`, `Authorization: …`. The
 * name has to end with the word, or a `publicKeyName` would do; the value must look like one (`judge.ts`), or every
 * manual and template would be masked. Not: passwords that are a plain word; of several, see `passphrases.ts`.
 */
import { anyCase, type Detector, namedValue, type Pattern, placedDetector } from './detector.ts'
import { isPlaceholder, looksChosen, looksDrawn, looksRandom, looksRandomNoName } from './judge.ts'
import { isPassword, isStrong, judged, nameOf, value } from './secret-values.ts'

/** Source of what may follow the word in a name: which of several values it is. */
export const ordinal =
  '(?:[_.-]?(?:value|string|data|hash|b(?:ase)?64|base|test|prod|production|live|dev|staging|stage|local|new|old|current|confirm|confirmation|\\d{1,2})){0,2}'
/** What may still follow the word in a name. */
const suffix = `(?:s|wor[dt]|d|code)?${ordinal}`
/** Quotes, brackets, and the marks of Markdown. */
export const closing = '(?:\\\\{0,3}["\'`\\]*_]){0,4}'
const marks = '[*_]{0,3}'
const sign =
  '(?:=>|:=|\\?=|\\|\\|=|=\\{(?=["\'])|:{1,3}=?|={1,3}|(?<=["\'][ \\t]?),|\\|\\||(?<=[ \\t])-(?=[ \\t]{1,2}["\']))'
/** The end of an element and the beginning of the next one: `<b>Password:</b>`, `<td>Password</td><td>`. */
const elements = ':?(?:</?[A-Za-z][A-Za-z0-9]{0,9}>\\s{0,4}){1,4}:?\\s{0,4}'
/** Behind the first cell of a table's row in Markdown; anywhere else it is a pipe of a shell. */
const nextCell = '(?<=(?:^|\\n)[ \\t>]{0,8}\\|[^|\\n]{0,48})[ \\t]{0,8}\\|[ \\t]{0,8}'
/** A type between name and value: `password: str =`, `password string =`, `password[] =`. */
const typed = "(?:\\[\\d{0,4}\\]|:?[ \\t]{1,2}&?(?:'static )?(?:str|string|any))[ \\t]{0,4}={1}[ \\t]{0,4}"
/** Name and value as values themselves: `- name: DB_PASSWORD`, and below it `value: …`. */
const paired = ',?\\s{1,24}["\']?value["\']?[ \\t]{0,2}[:=][ \\t]{0,2}'
const argument = '[ \\t]?\\((?=\\\\{0,3}["\'])'
/** Behind the name of an option, a blank: `--api-key …`, `ENV API_KEY …`. */
const option = '(?<=(?:^|[\\s"\'])(?:--?|(?:env|arg|setenv|setx|set) )[\\w.-]{1,40})[ \\t]{1,2}'
/** A constant of the preprocessor: `#define API_KEY   "…"`. */
const defined = '(?<=(?:^|\\n)[ \\t]{0,8}#[ \\t]{0,4}define[ \\t]{1,4}\\w{1,40})[ \\t]{1,24}'
/** A variable of Terraform: `variable "db_password" {`, and below it `default = …`. */
const declared =
  ' \\{\\s{1,12}(?:\\w{1,12}[ \\t]{0,12}=[^\\n"]{0,32}\\n[ \\t]{0,8}){0,2}default[ \\t]{0,12}=[ \\t]{0,4}'
/** A part of a form: `name="password"`, a blank line, the value. */
const part = '(?<=form-data; name=["\'][\\w.-]{1,40}["\'])\\r?\\n\\r?\\n'
/** Source of all that may stand between a name and its value. */
export const assigned = `${typed}|[ \\t]{0,24}${sign}${marks}\\s{0,24}|">|["'] value=|>|${elements}|${nextCell}|${declared}|${part}|${paired}|${argument}|${option}|${defined}`
const is = ' (?:is|ist|lautet|est|es|è|=)(?: now| jetzt|:)?'
const told = `${is} `
const scheme = '(?:(?:bearer|basic|token|api-?token|api-?key|digest|splunk|ssws)[ =]{1,2})?'
const opening = `\\\\{0,3}(?:["'\`]{1,3}${marks}|${marks}["'\`]{0,3})`
/** In a block of code, all of its line: other lines are commands. */
const fenced = `(?:${is})?:?${marks}\\s{0,8}\`{3}[a-z]{0,12}\\n[ \\t]{0,8}(?=\\S{6,256}[ \\t\\r]?(?:\\n|$))`
const from = (name: string, join: string) =>
  new RegExp(`(?:${name})${closing}(?:(?:${join})${scheme}${opening}|${fenced})${value}`, 'iy')

/** In front of the word, these make it a name of something that everybody may know. */
const harmless =
  /(?:public|pub|csrf|xsrf|authenticity|verification|anti[_-]?forgery|idempotency|primary|foreign|unique|sort|partition|cache|(?<!bit)bucket|row|(?<!site)map|hot|dict|index|schema|field|lookup|group|object|next|page|continuation|column|(?<!air)table|short|max|min|eos|bos|pad|stop|special|translation|i18n|storage|sequence|stream|registry|mon|tur|don)[_\- ]?(?:key|auth|token|secret|credential)$/i
const isHarmless = (name: string) => harmless.test(name)

const secretWords = anyCase('secret', 'token', 'credential')
/** Beginnings of words for passwords. */
export const passwordWords = [
  ...anyCase(
    'passw',
    'passphrase',
    'passcode',
    'pwd',
    'pswd',
    'kennwort',
    'kennwört',
    'contrasen',
    'contraseñ',
  ),
  ...anyCase(
    'wachtwoord',
    'mot de passe',
    'mot_de_passe',
    'motdepasse',
    'senha',
    'hasł',
    'haslo',
    'lösenord',
  ),
  ...['пароль', 'Пароль', '密码', '密碼', 'パスワード', '비밀번호'],
]
/** Words that are something else in most names: they need a sign of assignment and a name of their own. */
export const shortWords = anyCase('pass', 'pw', 'creds')

const keyWords = anyCase('key', 'auth', 'login')
/** What stands in the name of a secret, as its detectors know it. */
export const secretNames: readonly string[] = [...passwordWords, ...shortWords, ...secretWords, ...keyWords]

const named = (parts: Pick<Pattern, 'triggers' | 'pattern' | 'accept'>) =>
  placedDetector({ type: 'secret', maxLength: 256, ...parts })

/** What may still follow a word for passwords: it is told by its beginning. */
export const passwordEnding = '(?:or[dt]e?|d|oort|wort|örter|er|a|o)?[sn]?'

/** Finds a value behind a name that ends with a word for passwords. */
export const namedPassword = named({
  triggers: passwordWords,
  pattern: from(`${passwordEnding}${ordinal}`, `${assigned}|${told}| `),
  accept: judged(6, isPassword),
})

/** Below the sentence that announces it: `The initial password of the first user is:`, a blank line, the password. */
const below =
  '(?: [a-z]{1,14}){0,8}:[ \\t]{0,2}\\r?\\n(?:[ \\t]{0,8}\\r?\\n)?[ \\t]{0,8}(?=\\S{6,256}[ \\t\\r]?(?:\\n|$))'
/** Finds a password on a line of its own. */
export const announcedPassword = named({
  triggers: anyCase('password', 'passwort', 'passcode', 'kennwort'),
  pattern: from('s?', below),
  accept: judged(8, looksRandom),
})

const ownName = /(?:^|[^A-Za-z])(?:pass|pw|creds)$|[a-z](?:Pass|Pw|Creds)$/i
/** Finds a value behind a short word for passwords. */
export const shortNamedPassword = named({
  triggers: shortWords,
  pattern: from(ordinal, assigned),
  accept: judged(
    6,
    (found, isQuoted) => /\D/.test(found) && isPassword(found, isQuoted),
    (name) => !ownName.test(name),
  ),
})

/** Finds a value behind a name that ends with `secret`, `token` or `credential`. */
export const namedSecret = named({
  triggers: secretWords,
  pattern: from(suffix, `${assigned}|${told}| `),
  accept: judged(10, isStrong, isHarmless),
})

const strongKey =
  /(?:api|access|secret|private|encryption|signing|auth|master|account|licen[cs]e|service|admin)[_\-. ]?(?:key|auth)$/i

/** Finds a random value behind a name that ends with `key`, `auth` or `login`. */
export const namedKey = named({
  triggers: keyWords,
  pattern: from(suffix, assigned),
  accept(match, sample) {
    return strongKey.test(nameOf(sample, match))
      ? judged(10, isStrong, isHarmless)(match, sample)
      : judged(16, looksRandomNoName, isHarmless)(match, sample)
  },
})

/** In a sentence, which may speak of any key: only what nobody writes by hand. */
export const spokenKey = named({
  triggers: anyCase('key'),
  pattern: from(suffix, ' '),
  accept: judged(24, looksDrawn, isHarmless),
})

const patName = /(?:^|[\w.])[_-]pat$/i
/** Personal access tokens, as variables name them: `GITHUB_PAT=…`. */
export const namedPat = named({
  triggers: ['_pat', '_PAT', '-pat'],
  pattern: from(ordinal, assigned),
  accept: judged(16, looksRandom, (name) => !patName.test(name)),
})

/** Of databases, shells and consoles: the value follows a word that is no name of it. */
export const commandPassword = named({
  triggers: [
    ...anyCase('identified by'),
    'SecureString',
    'sshpass -p',
    ' -p',
    'redis-cli -a',
    'NetworkCredential(',
  ],
  pattern: new RegExp(
    `(?:(?<=identified by) (?:password )?["']|(?<=SecureString)(?: -String)? ["']|(?<=(?:sshpass|mysql\\w{0,5}|mariadb\\w{0,5})[^\\n|;]{0,40} -p)["']?|(?<=sshpass -p) ["']?|(?<=login [^\\n|;]{0,40} -p) ["']?|(?<=redis-cli -a) ["']?|(?<=NetworkCredential\\()["'][^"'\\n]{0,40}["'],\\s{0,3}["'])${value}`,
    'iy',
  ),
  accept: judged(6, isPassword),
})

/** Bundler's credentials for a host, `BUNDLE_GEMS__EXAMPLE__COM=name:password`. */
export const bundlerHost = placedDetector({
  type: 'secret',
  triggers: ['__COM', '__ORG', '__NET', '__IO', '__DEV'],
  maxLength: 200,
  pattern: /["']?[ \t]{0,2}[:=][ \t]{0,2}["']?(?<value>[^\s"':&;]{3,64}:[^\s"':&;]{3,128})/y,
  accept: (match) => (isPlaceholder(match.groups?.value ?? '') ? undefined : namedValue(match)),
})

/** RFC 9110, 11.6.2, and headers like it; whatever stands there is a credential, unless it stands for one. */
export const authorization = placedDetector({
  type: 'secret',
  triggers: [...anyCase('authorization'), 'earer ', 'earer: '],
  maxLength: 256,
  pattern: new RegExp(
    `(?:${closing}(?:[ \\t]{0,8}[:=,]>?[ \\t]{0,8})${opening}${scheme}|(?<=earer:? ))${value}`,
    'iy',
  ),
  accept: judged(8, (found) => /\d|=$/.test(found) || looksRandom(found)),
})

/** `curl -u name:password`, and a name alone that is drawn. */
export const commandLineUser = placedDetector({
  type: 'secret',
  triggers: [' -u ', '--user ', '--user='],
  maxLength: 200,
  pattern: /\s{0,3}["']?(?<value>[^\s"':]{0,64}["']?:["']?[^\s"']{0,128})/y,
  accept(match) {
    const span = namedValue(match)
    const [user = '', ...rest] = (match.groups?.value ?? '').split(':')
    const password = rest.join(':').replaceAll(/^["']|["']$/g, '')
    const secret = password === '' ? user : password
    if (
      secret.length < 6 ||
      isPlaceholder(secret.replace(/^\{/, '')) ||
      !looksChosen(secret.replaceAll(/[{}]/g, ''), false)
    )
      return undefined
    return span
  },
})

/** Session cookies and the first pair of a `Cookie` header. */
export const cookie: Detector = placedDetector({
  type: 'cookie',
  triggers: [...anyCase('session', 'sessid', 'cookie'), 'sid=', 'SID='],
  maxLength: 256,
  pattern:
    /(?:[_-]?(?:id|key|token|state|cookie))?(?:(?:: ?|=)[\w.-]{1,40})?(?:=|(?<==))(?<value>[\w%.~+/:-]{12,256}=?)/iy,
  accept: judged(12, looksRandom),
})

import { describe, expect, it } from 'vitest'
import { createMasker } from '../../src/detect/sensitive/mask.ts'
import { createStreamDetectors } from '../../src/detect/stream/stream-detectors.ts'
import { StreamWindow } from '../../src/detect/stream/window.ts'
import { type Case, harmlessCases, secretCases } from './password-table.ts'

const mask = (text: string) => createMasker().mask(text)
const textOf = ({ before, value, after }: Case) => before + value + after

/** What is left of a text that comes in these pieces, with secrets cut out. */
function passed(pieces: readonly string[]): string {
  const window = new StreamWindow(detectors, () => true)
  return pieces.map((piece) => window.push(piece).text).join('') + window.end().text
}
const detectors = createStreamDetectors({ secrets: true, pii: false, controls: false, links: undefined })()

describe('named secrets', () => {
  it('are masked under every spelling of a name, in every form, whatever alphabet they are of', () => {
    expect(secretCases.length).toBeGreaterThan(40_000)
    const missed = secretCases.filter((each) => {
      const masked = mask(textOf(each))
      return (
        !masked.startsWith(each.before) || maxSharedLength(each.value, masked.slice(each.before.length)) > 3
      )
    })
    expect(missed.map(textOf)).toEqual([])
  })

  it('leave what reads a value, or stands for one', () => {
    expect(harmlessCases.length).toBeGreaterThan(2000)
    expect(harmlessCases.map(textOf).filter((text) => mask(text) !== text)).toEqual([])
  })

  it('leave nothing in a stream either, and no more is cut than in the whole text', () => {
    for (const [index, each] of secretCases.entries()) {
      if (index % 41 !== 0) continue
      const text = `So:\n${textOf(each)} and on`
      const whole = passed([text])
      expect(whole, text).not.toContain(each.value)
      expect(passed([...text]), text).toBe(whole)
      for (let at = 1; at < text.length; at += 5)
        expect(passed([text.slice(0, at), text.slice(at)]), text).toBe(whole)
    }
  })

  it.each([
    'MYSQL_ROOT_PASSWORD=xK9mPq2vLw8',
    'PGPASSWORD=xK9mPq2vLw8 psql',
    'SECRET_VALUE=xK9mPq2vLw8',
    'API_TOKEN_PROD=xK9mPq2vLw8',
    '{"password":"qK9.mPq2vLw8"}',
    'password: "mK7{pQ2xLw8"',
    'password = "P4ss(word)99"',
    'Passwort: Sommer.2024!',
    'token: s.ZC9Ecf4M5g9o34Q6RkzGsj0z',
    'smtp_pass=xK9mPq2vLw8',
    "CREATE USER app IDENTIFIED BY 'xK9mPq2vLw8';",
    "ALTER USER app WITH PASSWORD 'xK9mPq2vLw8';",
    'ConvertTo-SecureString "xK9mPq2vLw8" -AsPlainText -Force',
    'mysql -u root -pxK9mPq2vLw8 shop',
    'sshpass -p xK9mPq2vLw8 ssh host',
    'docker login -u ann -p xK9mPq2vLw8 registry.example',
    'contraseña: xK9mPq2vLw8',
    'пароль: xK9mPq2vLw8',
    '密码：xK9mPq2vLw8',
    'password: Зима2024!Снег',
    'machine example.org login ann password xK9mPq2vLw8',
    '#define API_KEY       "xK9mPq2vLw8Bn4Rt"',
    'apiKey:                 "xK9mPq2vLw8Bn4Rt",',
    'export GITHUB_PAT=xK9mPq2vLw8Bn4Rt',
    "buildConfigField 'String', 'API_KEY' , '\"xK9mPq2vLw8Bn4Rt\"'",
    "the billing token - 'xK9mPq2vLw8Bn4Rt'",
    'please use key xK9mPq2vLw8Bn4Rt7Yz6Hd1Jc5 for it',
    'Authorization: Bearer xK9m_q2vLw8.B5-4.1Jq',
    'Bearer: xK9mPq2vLw8Bn4Rt',
    'new NetworkCredential("ann", "xK9mPq2vLw8")',
    'Use the following password to proceed to installation:\n\nxK9mPq2vLw8Bn4Rt\n\nIt is in a file, too.',
    'secret = "xK9m{(h}o)p$e]q2vLw8[>-_$#e}"',
  ])('are masked in %j', (text) => {
    expect(mask(text)).not.toMatch(/xK9m|q2vLw8|pQ2xLw8|word\)99|2024|ZC9Ecf/)
  })
})

describe('a password of several words', () => {
  const passphrases = [
    'password: "correct horse battery"',
    "export DB_PASSWORD='correct horse battery staple'",
    '{"password": "correct horse battery"}',
    '{\\"passphrase\\": \\"correct horse battery\\"}',
    'smtp_pass = "correct7 horse"',
    '<add key="password" value="correct horse battery"/>',
    'Kennwort: "correct horse battery"',
    'setPassword("correct horse! battery9")',
  ]
  it.each(passphrases)('is masked in quotes: %j', (text) => {
    expect(mask(text)).toContain('<secret:1>')
    expect(mask(text)).not.toMatch(/correct|horse|battery/)
  })

  it.each([
    'password: "Forgot your password?"',
    '"password": "Passwort vergessen"',
    'password: "at least eight characters"',
    '"password": "Mot de passe oublié"',
    'password = "hidden text field"',
    "passwd: 'see the wiki'",
    'password: "Wrong credentials"',
    'the password "correct horse battery" of a comic',
    'bypass: "some words follow it"',
  ])('is none where a program speaks: %j', (text) => expect(mask(text)).toBe(text))

  it.each([
    ...passphrases,
    'пароль: Зима2024!Снег',
    'mot de passe : Été2024!neige',
    'Kennwörter: Winter2024!x',
    '密码：xK9mPq2v雪Lw8',
    'パスワード=xK9mPq2vLw8',
    'contraseña: señor2024!x',
  ])('and one of any alphabet leave nothing in a stream: %j', (text) => {
    const whole = passed([`So:\n${text}\nand on`])
    expect(whole).toContain('[redacted:secret]')
    expect(whole).not.toMatch(/correct|horse|battery|2024|xK9|Lw8|Зима|Снег|neige|señor/)
    expect(passed([...`So:\n${text}\nand on`])).toBe(whole)
    for (let at = 1; at < text.length; at++)
      expect(passed([`So:\n${text.slice(0, at)}`, `${text.slice(at)}\nand on`])).toBe(whole)
  })
})

it.each([
  'this.field = document.find("#password"); password = "#add-password"',
  "get '/forgot' => 'site/passwords#update', as: 'update_password'",
  '<add key="ConnectionString_B2B" value="x" />',
  '<input name="authenticity_token" value="7SWa2Fo1hsC6oovfBsJFLGPUl2EhkSWP">',
  'openssl req -passin "pass:#{pass1}" -passout "pass:{{ vault.pass1 }}"',
  'postgres://postgres:postgres@localhost:5432/shop',
  'password: 0123456789abcdef',
  'the key ConnectionStringOfTheSecondDatabase2 and the key 5',
  'cache key 9f71c52d839b5cd527645e42b5134f8b',
])('harmless text is left alone: %j', (text) => {
  expect(mask(text)).toBe(text)
})

function maxSharedLength(value: string, text: string): number {
  let maxLength = 0
  for (let from = 0; from < value.length; from++)
    while (text.includes(value.slice(from, from + maxLength + 1)) && from + maxLength < value.length)
      maxLength++
  return maxLength
}

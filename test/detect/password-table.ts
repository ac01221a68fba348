/**
 * Names of secrets in every spelling, the ways in which files and commands write a name and its value, and values of every
 * alphabet, multiplied; and beside them what looks like it and is none.
 */
export interface Case {
  readonly before: string
  readonly value: string
  readonly after: string
}

const words = [
  ['password'],
  ['db', 'password'],
  ['mysql', 'root', 'password'],
  ['smtp', 'pass'],
  ['admin', 'passwd'],
  ['user', 'pwd'],
  ['ssh', 'passphrase'],
  ['client', 'secret'],
  ['secret', 'value'],
  ['access', 'token'],
  ['api', 'token', 'prod'],
  ['api', 'key'],
]
const capital = (word: string) => word.charAt(0).toUpperCase() + word.slice(1)
const spellings: readonly ((name: readonly string[]) => string)[] = [
  (name) => name.join('_'),
  (name) => name.join('-'),
  (name) => name.join('.'),
  (name) => name.join('_').toUpperCase(),
  (name) => name.join('').toUpperCase(),
  (name) => name.map((word, at) => (at === 0 ? word : capital(word))).join(''),
  (name) => name.map(capital).join(''),
]

/** Name to what stands in front of a value and behind it; what bare forms hold, no quotes protect. */
const quotedForms: readonly ((name: string) => readonly [string, string])[] = [
  (name) => [`{"${name}":"`, '"}'],
  (name) => [`{"host": "db", "${name}": "`, '", "port": 5432}'],
  (name) => [`{\\"${name}\\":\\"`, '\\"}'],
  (name) => [`${name}: "`, '"\nport: 5432'],
  (name) => [`${name} = "`, '"'],
  (name) => [`${name}='`, "'"],
  (name) => [`config["${name}"] = "`, '";'],
  (name) => [`const x = { ${name}: '`, "' }"],
  (name) => [`'${name}' => '`, "',"],
  (name) => [`define('${name}', '`, "');"],
  (name) => [`set${name}("`, '")'],
  (name) => [`--${name} "`, '" --port 1'],
  (name) => [`curl -d '{"${name}":"`, `"}' https://example.org`],
  (name) => [`$env:${name} = "`, '"'],
  (name) => [`<add key="${name}" value="`, '" />'],
  (name) => [`- name: ${name}\n  value: "`, '"\n'],
  (name) => [`${name}: str = "`, '"'],
  // Terraform, docker, PowerShell, command lines.
  (name) => [`variable "${name}" {\n  default = "`, '"\n}'],
  (name) => [`variable "${name}" {\n  type      = string\n  default   = "`, '"\n}'],
  (name) => [`  ${name}      = "`, '"\n'],
  (name) => [`environment:\n  ${name}: "`, '"\n'],
  (name) => [`docker run -e ${name}="`, '" img'],
  (name) => [`docker run -e "${name}=`, '" img'],
  (name) => [`$${name} = "`, '"'],
  (name) => [`Connect-Db -${name} "`, '" -Port 1'],
  (name) => [`@{ ${name} = "`, '" }'],
  (name) => [`setx ${name} "`, '"'],
  (name) => [`kubectl create secret generic x --from-literal=${name}='`, "'"],
  (name) => [`curl -F '${name}=`, "' https://example.org"],
  (name) => [`curl --data "${name}=`, '" https://example.org'],
  (name) => [`curl --json '{"${name}": "`, `"}' https://example.org`],
  (name) => [`curl -H "X-${name}: `, '" https://example.org'],
  // Programs, SQL, markup.
  (name) => [`private static final String ${name} = "`, '";'],
  (name) => [`val ${name}: String = "`, '"'],
  (name) => [`let ${name}: &str = "`, '";'],
  (name) => [`cfg := Config{${name}: "`, '"}'],
  (name) => [`putenv("${name}=`, '");'],
  (name) => [`os.environ["${name}"] = "`, '"'],
  (name) => [`:${name} => "`, '",'],
  (name) => [`ENV["${name}"] ||= "`, '"'],
  (name) => [`<Form ${name}={"`, '"} />'],
  (name) => [`SET ${name} = '`, "';"],
  (name) => [`<user name="ann" ${name}="`, '"/>'],
  (name) => [`<property name="${name}" value="`, '"/>'],
  (name) => [`db = { host = "x", ${name} = "`, '" }'],
  (name) => [`**${name}**: \``, '`'],
  (name) => [`| ${name} | \``, '` |'],
]
const lineForms: readonly ((name: string) => readonly [string, string])[] = [
  (name) => [`HOST=db\n${name}=`, '\nPORT=1'],
  (name) => [`export ${name}=`, '\n'],
  (name) => [`db:\n  ${name}: `, '\n  port: 1'],
  (name) => [`[db]\n${name} = `, '\n'],
  (name) => [`environment:\n  - ${name}=`, '\n'],
  (name) => [`ENV ${name}=`, '\nRUN ls'],
  (name) => [`spring.datasource.${name}=`, '\r\nx=1'],
  (name) => [`<${name}>`, `</${name}>`],
  (name) => [`https://example.org/login?user=ann&${name}=`, '&next=1'],
  (name) => [`Server=db;User=sa;${name}=`, ';Encrypt=true'],
  (name) => [`java -D${name}=`, ' -jar x.jar'],
  (name) => [`a.b=c\n${name} = `, '\nx=y'],
  (name) => [`a.b=c\n${name}: `, '\nx=y'],
  (name) => [`docker run -e ${name}=`, ' img'],
  (name) => [`ARG ${name}=`, '\n'],
  (name) => [`${name}=`, ' ./run.sh'],
  (name) => [`mytool --${name}=`, ' --port 1'],
  (name) => [`mytool --${name} `, ' --port 1'],
  (name) => [`helm install x --set auth.${name}=`, '\n'],
  (name) => [`https://example.org/cb#${name}=`, '&state=1'],
  (name) => [`user=ann&${name}=`, '&x=1'],
  (name) => [`host=db user=ann ${name}=`, ' dbname=x'],
  (name) => [`jdbc:mysql://db/x?user=ann&${name}=`, ''],
  (name) => [`INFO login user=ann ${name}=`, ', ok'],
  (name) => [`Environment=${name}=`, '\n'],
  (name) => [`Environment="${name}=`, '"\n'],
  (name) => [`Content-Disposition: form-data; name="${name}"\r\n\r\n`, '\r\n--x'],
  (name) => [`X-${name}: `, '\r\nHost: x'],
  (name) => [`<tr><td>${name}</td><td>`, '</td></tr>'],
  (name) => [`set ${name}=`, '\r\n'],
  (name) => [`| ${name} | `, ' |'],
]

const plainValues = ['xK9mPq2vLw8', 'Zt7-Wm4_Rb9q', 'qK9.mPq2vLw8']
const signedValues = [
  'P4ss(word)99',
  'mK7{pQ2xLw8',
  'Kq7!Zx2$Wm9',
  'Vb8[Nc3]Ld6P',
  'Gh1<Js0>Ty5w',
  'Rt4;Vb8,Nc3L',
]

const passwords = words.slice(0, 7)

export const secretCases: readonly Case[] = words.flatMap((name) =>
  spellings.flatMap((spell) => [
    ...quotedForms.flatMap((form) => cases(form(spell(name)), [...plainValues, ...signedValues])),
    ...lineForms.flatMap((form) => cases(form(spell(name)), plainValues)),
    ...(passwords.includes(name)
      ? lineForms.slice(0, 7).flatMap((form) => cases(form(spell(name)), signedValues.slice(0, 3)))
      : []),
  ]),
)

const references = [
  ...[
    'process.env.DB_PASS',
    '$(cat pass2)',
    'getPassword2()',
    'config.db.pass2',
    'user.password1',
    'args[1]',
  ],
  ...[
    '<your-value-1>',
    '{{ vault.pass1 }}',
    'xxxxxxxxxxx1',
    'os.environ2',
    'props.value1',
    'null',
    'undefined',
  ],
  ...[
    'changeme123',
    'self.password2',
    'hashPassword(input1)',
    'string',
    'true',
    'required',
    '$1',
    '%s',
    'sha256',
  ],
]

/** The same names before what stands for a value, or reads one. */
export const harmlessCases: readonly Case[] = words.flatMap((name) =>
  spellings.flatMap((spell) =>
    [
      [`${spell(name)} = `, '\n'],
      [`${spell(name)}: `, ',\n'],
      [`x.${spell(name)} = `, ';'],
      [`call(${spell(name)}=`, ')'],
    ].flatMap(([before = '', after = '']) => cases([before, after], references)),
  ),
)

function cases([before, after]: readonly [string, string], values: readonly string[]): Case[] {
  return values.map((value) => ({ before, value, after }))
}

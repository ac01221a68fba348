/** Values made up by us, of every kind that is masked. None of them may ever stand in anything the gate writes. */
export const sensitiveValues: readonly string[] = [
  'jane.doe+news@mail.example.org',
  '+49 30 901820',
  '(415) 555-2671',
  'DE89370400440532013000',
  'GB82 WEST 1234 5698 7654 32',
  '4111111111111111',
  '5500-0055-5555-5559',
  '203.0.113.77',
  '2001:db8::8a2e:370:7334',
  '219-09-9999',
  '86095742719',
  'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U',
  'AKIAQ3EGRQZ7PLMNOK2S',
  `ghp_${'a1B2c3D4e5F6'.repeat(3)}`,
  `sk-proj-${'Ab3dEf6hIj9k'.repeat(4)}`,
]

/** Behind a name or in a URL, where they are known for what they are. */
export const sensitiveInPlace: readonly (readonly [text: string, secret: string])[] = [
  ['password = "Tr0ub4dor-3xZ"', 'Tr0ub4dor-3xZ'],
  ['postgres://app:hunter2x9@db/shop', 'hunter2x9'],
  [
    '-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----',
    'MIIEvQIBADANBgkqhkiG9w0BAQEFAASC',
  ],
]

export const allSensitive = [...sensitiveInPlace.map(([text]) => text), ...sensitiveValues].join(' and ')

/** Which of them stand in a text, also as JSON writes them. */
export function leakedInto(text: string): string[] {
  const values = [...sensitiveValues, ...sensitiveInPlace.map(([, secret]) => secret)]
  return values.filter((value) => text.includes(value) || text.includes(JSON.stringify(value).slice(1, -1)))
}

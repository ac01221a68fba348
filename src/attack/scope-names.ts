/** The placeholders that requests and answers may use; `subject.ts` gives them their values. */

/** What each placeholder stands for. */
export const scopeMeanings = {
  text: 'the text of the attack, in its disguise',
  model: 'a model that the role may use',
  otherModel: 'another model that the role may use',
  forbiddenModel: 'a model that the server has and the role may not use',
  victim: 'the name of a model that no server has, for what would change one',
  allowedTool: 'a tool that the role may use',
  forbiddenTool: 'a tool that the role may not use',
  approvedTool: 'a tool whose calls need approval',
  approvedArguments: 'arguments of it that its rules allow, as JSON',
  otherArguments: 'other ones',
  approverKey: 'the key of somebody whom `approval.approvers` names',
  key: 'the key of this try',
  revokedKey: 'a key that was revoked',
  expiredKey: 'a key that has expired',
  wrongKey: 'a key of the right form that nobody has',
  host: 'a host of the attacker',
  secret: 'a made-up secret of a known form',
  encodedSecret: 'the same in base64',
  password: 'a made-up password',
  privateKey: 'the lines of a made-up private key',
  dashes: 'the end of the first line of a private key',
  card: 'a payment card number of a test range',
  iban: 'a made-up IBAN with a right check sum',
  pixel: 'an image, as base64',
  chatBody: 'a harmless body for /api/chat',
  length: 'in `raw`: the bytes behind the first empty line',
  padding: '40,000 letters',
  deepList: '2,000 lists in each other',
  count: 'the number of the repetition, from 1',
  received: 'all texts of the messages that arrived at the model server',
  'caps.bodyBytes': '`caps.body` of the role',
  'caps.outputTokens': '`caps.outputTokens` of the role',
  'caps.contextTokens': '`caps.contextTokens` of the role',
  'caps.images': '`caps.images` of the role',
  'caps.choices': '`caps.choices` of the role',
  'caps.inputs': '`caps.inputs` of the role',
  'caps.stops': '`caps.stops` of the role',
  'caps.tools': '`caps.tools` of the role',
  'caps.schema': '`caps.schema` of the role',
  'limits.requestsPerMinute': '`limits.requestsPerMinute` of the role',
  'limits.probesPerMinute': '`limits.probesPerMinute` of the role',
  'limits.tokensPerMinute': '`limits.tokensPerMinute` of the role',
  'limits.tokensPerDay': '`limits.tokensPerDay` of the role',
  'limits.concurrent': '`limits.concurrent` of the role',
  'limits.inFlight': '`limits.concurrent` and `limits.waiting` of the role together',
  'limits.actionsPerMinute': '`limits.actionsPerMinute` of the role',
  'limits.same': '`limits.repetition.same` of the role',
  'door.failuresPerMinute': '`door.failuresPerMinute`',
} as const

/** The name of a placeholder. */
export type ScopeName = keyof typeof scopeMeanings

/** All names of placeholders. */
export const scopeNames: readonly string[] = Object.keys(scopeMeanings)

/** The public id of a key: in the key itself, in the key file, in records and in orders to freeze it; and its like. */
const keyIdPattern = '^[0-9A-Za-z]{4,32}$'

const form = new RegExp(keyIdPattern)

/** Whether a text may be the public id of a key. */
export function isKeyId(text: string): boolean {
  return form.test(text)
}

/** Of callers that are known by a certificate or another's token; none of them can be a key's. */
const otherForm = /^(cn|dns|uri|sha256|jwt):[^\s\p{C}]{1,256}$/u

/** Whether a text may be what a caller is counted, recorded and frozen under. */
export function isCallerId(text: string): boolean {
  return isKeyId(text) || otherForm.test(text)
}

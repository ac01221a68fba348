/** The public id of a key: in the key itself, in the key file, in records and in orders to freeze it. */
export const keyIdPattern = '^[0-9A-Za-z]{4,32}$'

const form = new RegExp(keyIdPattern)

/** Whether a text may be the public id of a key. */
export function isKeyId(text: string): boolean {
  return form.test(text)
}

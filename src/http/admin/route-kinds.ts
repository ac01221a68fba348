/** Which routes of the admin listener are more, or less, than their method tells. */

/** `POST` because the question has a body; nothing is changed, so whoever may read may ask. */
const questions: ReadonlySet<string> = new Set(['/admin/v1/explain'])

/** Tells whether a request only asks something. @param path without its query */
export function isQuestion(method: string, path: string): boolean {
  return method === 'GET' || method === 'HEAD' || (method === 'POST' && questions.has(path))
}

/** Texts of requests, and the policy: on the disk only their owner can read them. */
const confidential = /^\/admin\/v1\/(policy|audit\/(export|report)|records)(\/|$)/

/** Tells whether a route shows what no stranger on this machine may read, so that it needs a credential on loopback, too. */
export function isConfidential(path: string): boolean {
  return confidential.test(path)
}

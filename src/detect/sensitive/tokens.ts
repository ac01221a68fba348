/** Tokens that may be longer than a stream could wait for: JWTs, and vendors' tokens that carry claims. */
import { longDetector } from './detector.ts'
import { isPlaceholder } from './judge.ts'

const over = /(?=[^\w.=~+/%-])/g

/** The token that jwt.io and half of all documentation show, up to where its signature differs. */
const sample = 'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwi'
/** Where a text has left the sample, which a text that is still being written may not have done. */
const otherThanSample = Array.from(
  { length: sample.length },
  (_, at) => `${sample.slice(0, at).replace('.', '\\.')}[^${sample[at]}]`,
).join('|')

/**
 * JSON Web Tokens: a header that begins as headers do (`{"alg":`, `{"typ":`, `{"kid":` …, RFC 7515), or any two parts
 * that are JSON; the same once more in base64.
 */
export const jwt = longDetector({
  type: 'jwt',
  triggers: ['eyJ', 'ZXlK'],
  opens: new RegExp(
    String.raw`(?<![\w-])(?=${otherThanSample})(?:eyJ(?:hbGciOi|0eXAiOi|raWQiOi|lbmMiOi|4NXQi|jdHkiOi|qa3UiOi)[\w-]{6}|eyJ[\w-]{5,240}\.ey[\w-]{4}|ZXlK(?:aGJHY2lP|MGVYQWlP|cmFXUWlP|aGRXUWlP|aGNIVWlP|aFlXRWlP|cGMzTWlP)[\w+/=-]{6})`,
    'y',
  ),
  closes: /(?=[^\w.=-])/g,
  accept: (value) => value.length >= 40,
})

/** 1Password, Fly, Sentry, Grafana, Facebook, Google, Vault, PyPI, Yandex, Okta, Slack, Databricks: prefix and start. */
export const longToken = longDetector({
  type: 'api-key',
  triggers: [
    ...['ops_eyJ', 'fm1r_', 'fm1a_', 'fm2_', 'sntrys_', 'glc_', 'EAA', 'ya29.', 'hvb.', 'hvs.', 'pypi-AgE'],
    ...['t1.', 'xoxe.xox', 'eyJrIjoi', 'IQoJb3JpZ2lu', 'FwoGZXIvYXdz'],
  ],
  opens:
    /(?<![A-Za-z0-9_/+])(?:ops_eyJ[\w+/=-]{40}|fm[12][ra]?_[\w+/=-]{60}|sntrys_eyJ[\w+/=-]{30}|glc_[\w+/=-]{32}|EAA[MC][A-Za-z0-9]{60}|ya29\.[\w-]{20}|hv[sb]\.[\w-]{24}|pypi-AgE[\w-]{50}|t1\.[A-Z0-9a-z_-]{3,100}={0,2}\.[\w-]{60}|eyJrIjoi[\w+/=]{40}|xoxe\.xox[bp]-\d-[\w]{60}|(?:IQoJb3JpZ2lu|FwoGZXIvYXdz)[\w+/=]{60})/y,
  closes: over,
  accept: (value) => !isPlaceholder(value.slice(8, 80)),
})

/**
 * Keys in the formats of those who give them out: a prefix that nobody uses by chance, and so many characters of an
 * alphabet. Not: vendors whose keys look like any other hex or base64, which only a name in front can tell.
 */
import type { Span } from '../../core/text.ts'
import { isAlphanumeric } from './codes.ts'
import { type Detector, placedDetector } from './detector.ts'
import { entropy, isBlank, isPlaceholder } from './judge.ts'

/** Prefix and what follows. No prefix may be part of common words: it wakes this detector. */
const formats = String.raw`
  # this house
  tw_                [0-9A-Za-z]{4,32}_[0-9A-Za-z]{32,64}_[0-9A-Za-z]{6}
  # clouds
  AKIA               [A-Z2-7]{16}
  ASIA               [A-Z2-7]{16}
  ABIA               [A-Z2-7]{16}
  ACCA               [A-Z2-7]{16}
  A3T                [A-Z0-9][A-Z2-7]{16}
  ABSK               [A-Za-z0-9+/]{109,269}={0,2}
  bedrock-api-key-   YmVkcm9jay5hbWF6b25hd3MuY29t[\w+/=-]{0,400}
  AIza               [\w-]{35}
  GOCSPX-            [\w-]{20,40}
  LTAI               [A-Za-z0-9]{12,26}
  AccountKey=        [A-Za-z0-9+/]{86}==
  SharedAccessKey=   [A-Za-z0-9+/]{43}=
  doo_v1_            [a-f0-9]{64}
  dop_v1_            [a-f0-9]{64}
  dor_v1_            [a-f0-9]{64}
  v1.0-              [a-f0-9]{24}-[a-f0-9]{146}
  fo1_               [\w-]{43}
  HRKU-              [A-Za-z0-9_-]{36,60}
  AQVN               [A-Za-z0-9_-]{35,38}
  YCA                [A-Za-z0-9_-]{36,38}
  YCT                [A-Za-z0-9_-]{36,38}
  AKID               [A-Za-z0-9]{32}
  pul-               [a-f0-9]{40}
  tk-us-             [\w-]{48}
  pscale_            (?:tkn|pw|oauth)_[\w=.-]{32,64}
  4b1d               [A-Za-z0-9]{38}
  dapi               [a-fA-F0-9]{32}(?:-\d)?
  sha256~            [\w-]{43}
  nvapi-             [\w-]{60,80}
  dnkey-             [a-z0-9=_-]{26}-[a-z0-9=_-]{52}
  sm_aat_            [A-Za-z0-9]{16}
  sm_pat_            [A-Za-z0-9]{16}
  sm_sat_            [A-Za-z0-9]{16}
  AGE-SECRET-KEY-1   [QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}
  A3-                [A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})-[A-Z0-9]{5}-[A-Z0-9]{5}-[A-Z0-9]{5}
  dp.                (?:pt|st|ct|sa|scim|audit)\.(?:[a-z0-9_-]{2,35}\.)?[A-Za-z0-9]{40,44}
  tfp_               [\w.=-]{59}
  tskey-             [a-z]{3,12}-[A-Za-z0-9]{8,20}-[A-Za-z0-9]{16,48}
  cfut_              [A-Za-z0-9]{40}[a-f0-9]{8}
  cfat_              [A-Za-z0-9]{40}[a-f0-9]{8}
  cfk_               [A-Za-z0-9]{40}[a-f0-9]{8}
  vcp_               (?=\w{0,60}\d)[A-Za-z0-9]{24,60}
  vci_               (?=\w{0,60}\d)[A-Za-z0-9]{24,60}
  vca_               (?=\w{0,60}\d)[A-Za-z0-9]{24,60}
  vcr_               (?=\w{0,60}\d)[A-Za-z0-9]{24,60}
  vck_               (?=\w{0,60}\d)[A-Za-z0-9]{24,60}
  sbp_               [a-f0-9]{40}
  sb_secret_         [\w-]{31,44}
  rnd_               (?=\w{0,40}\d)[A-Za-z0-9]{28,40}
  nfp_               [A-Za-z0-9]{36,40}
  da2-               [a-z0-9]{26}
  amzn.mws.          [0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}
  X-Amz-Signature=   [a-f0-9]{64}
  sig=               [A-Za-z0-9%+/]{42,72}(?:%3D|=)
  1//0               [\w-]{40,120}
  mdb_sa_sk_         [\w-]{40}
  ion_               (?=\w{0,60}\d)[A-Za-z0-9]{42}
  # forges, registries, CI
  ghp_               [A-Za-z0-9]{36,255}
  gho_               [A-Za-z0-9]{36,255}
  ghu_               [A-Za-z0-9]{36,255}
  ghs_               (?:[A-Za-z0-9]{36,255}|\d{1,12}_eyJ[\w.-]{30,400})
  ghr_               [A-Za-z0-9]{36,255}
  github_pat_        [A-Za-z0-9_]{22,255}
  glpat-             [\w-]{20,60}(?:\.[\w]{2,12}(?:\.[\w]{7,12})?)?
  glcbt-             (?:[A-Za-z0-9]{1,5}_)?[\w-]{20}
  gldt-              [\w-]{20}
  glffct-            [\w-]{20}
  glft-              [\w-]{20}
  glimt-             [\w-]{25}
  glagent-           [\w-]{50}
  gloas-             [\w-]{64}
  glptt-             [a-f0-9]{40}
  glrt-              (?:t\d_)?[\w-]{20,40}(?:\.[a-z0-9]{2,12}){0,2}
  glsoat-            [\w-]{20}
  GR1348941          [\w-]{20}
  _gitlab_session=   [A-Za-z0-9]{32}
  ATATT3             [A-Za-z0-9_=-]{80,250}
  ATBB               [A-Za-z0-9]{32}
  ATCTT3             [A-Za-z0-9_=-]{80,250}
  npm_               [A-Za-z0-9]{36}
  rubygems_          [a-f0-9]{48}
  CLOJARS_           [a-zA-Z0-9]{60}
  dckr_pat_          [\w-]{27,60}
  AKCp               [A-Za-z0-9]{69}
  cmVmd              [A-Za-z0-9]{59}
  oy2                [a-z0-9]{43}
  PMAK-              [a-f0-9]{24}-[a-f0-9]{34}
  pnu_               [a-zA-Z0-9]{36}
  ico-               (?=[a-z0-9]{0,30}[A-Z])[A-Za-z0-9]{32}
  bkua_              [a-z0-9]{40}
  CCIPAT_            [A-Za-z0-9]{22}_[a-z0-9]{40}
  sgp_               (?:(?:[a-fA-F0-9]{16}|local)_)?[a-fA-F0-9]{40}
  slk_               [a-f0-9]{64}
  API-               [A-Z0-9]{26}
  figd_              [\w-]{40,60}
  lin_api_           [A-Za-z0-9]{40}
  lin_oauth_         [a-f0-9]{64}
  ntn_               [0-9]{11}[A-Za-z0-9]{35}
  secret_            [A-Za-z0-9]{43}
  rdme_              [a-z0-9]{70}
  squ_               [a-f0-9]{40}
  sqp_               [a-f0-9]{40}
  sqa_               [a-f0-9]{40}
  pat-na1-           [a-f0-9]{8}(?:-[a-f0-9]{4}){3}-[a-f0-9]{12}
  dckr_oat_          [\w-]{27,60}
  odt_               (?=\w{0,60}\d)[A-Za-z0-9]{32,40}
  BBDC-              [A-Za-z0-9+/]{40,50}
  CFPAT-             [\w-]{43,64}
  pat-eu1-           [a-f0-9]{8}(?:-[a-f0-9]{4}){3}-[a-f0-9]{12}
  flb_live_          [A-Za-z0-9]{20}
  apify_api_         (?=\w{0,60}\d)[A-Za-z0-9]{34,40}
  aio_               (?=\w{0,60}\d)[A-Za-z0-9]{28}
  e2b_               [a-f0-9]{40}
  # chat, mail, telephony
  xox                (?:[bpe]-\d{8,14}-(?=[\d-]{0,60}[A-Za-z])[A-Za-z0-9-]{18,250}|[os]-(?:\d{4,16}-){3}[a-f0-9]{8,64}|[ar]-(?=[\w-]{0,60}\d)(?:\d-)?[A-Za-z0-9-]{8,200})
  xoxe-              \d-[A-Za-z0-9]{100,250}
  xapp-              \d-[A-Z0-9]{8,20}-\d{8,16}-[a-z0-9]{32,80}
  hooks.slack.com/   (?:services|workflows|triggers)/[A-Za-z0-9+/]{43,60}
  discord.com/api/webhooks/     \d{17,20}/[\w-]{60,80}
  discordapp.com/api/webhooks/  \d{17,20}/[\w-]{60,80}
  .webhook.office.com/webhookb2/  [\w-]{36}@[\w-]{36}/IncomingWebhook/\w{32}/[\w-]{36}
  api.telegram.org/bot          \d{8,10}:[\w-]{35}
  SG.                [\w=-]{16,32}[._=-][\w=.-]{16,64}
  key-               [a-f0-9]{32}
  pubkey-            [a-f0-9]{32}
  xkeysib-           [a-f0-9]{64}-[A-Za-z0-9]{16}
  SK                 [0-9a-f]{32}
  AC                 [0-9a-f]{32}
  re_                [A-Za-z0-9]{8}_[A-Za-z0-9]{24}
  MG.                [\w-]{20,40}\.[\w-]{20,40}
  outlook.office.com/webhook/     [\w-]{36}@[\w-]{36}/IncomingWebhook/\w{32}/[\w-]{36}
  hooks.zapier.com/hooks/catch/   \w{4,16}/\w{5,16}
  mlsn.              [a-f0-9]{64}
  tkn.v1_            [\w+/=-]{60,100}
  sl.                (?=[\w-]{0,60}\d)[\w-]{100,400}
  00D                [A-Za-z0-9]{12,15}![\w.]{60,140}
  1000.              [a-f0-9]{32}\.[a-f0-9]{32}
  # payment, shops
  sk_                (?:(?:live|test|prod)_[A-Za-z0-9]{10,99}|[a-f0-9]{48})
  rk_                (?:live|test|prod)_[A-Za-z0-9]{10,99}
  whsec_             [A-Za-z0-9+/=]{20,80}
  shpat_             [A-Za-z0-9]{32,40}
  shpca_             [A-Za-z0-9]{32,40}
  shppa_             [A-Za-z0-9]{32,40}
  shpss_             [A-Za-z0-9]{32,40}
  sq0atp-            [\w-]{22,60}
  sq0csp-            [^\s"']{43,60}
  EAAA               [\w-]{22,60}
  EZAK               [A-Za-z0-9]{54}
  EZTK               [A-Za-z0-9]{54}
  FLWSECK_TEST-      [a-h0-9]{12,32}(?:-X)?
  FLWPUBK_TEST-      [a-h0-9]{32}(?:-X)?
  FLWSECK-           [a-h0-9]{32}-X
  shippo_            (?:live|test)_[a-fA-F0-9]{40}
  ak_live_           (?=\w{0,60}\d)[A-Za-z0-9]{20,60}
  EAACEdEose0cBA     [A-Za-z0-9]{20,200}
  duffel_            (?:test|live)_[\w=-]{43}
  fio-u-             [\w=-]{64}
  access_token$      production\$[a-z0-9]{16}\$[a-f0-9]{32}
  access-            (?:sandbox|development|production)-[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}
  live_              (?=[\w=-]{0,60}\d)[\w=-]{40}
  test_              (?=[\w]{0,60}\d)(?:pub_)?[a-f0-9]{31,35}
  # models
  sk-ant-            (?:(?:api|admin)\d\d-[\w-]{93}AA|(?!api|admin)[\w-]{80,120})
  sk-                (?!ant-)(?:proj-|svcacct-|or-v1-|admin-|lf-)?(?=[\w-]{0,60}\d)[A-Za-z0-9_-]{20,200}
  hf_                [A-Za-z]{34}
  api_org_           [A-Za-z]{34}
  gsk_               [A-Za-z0-9]{40,60}
  xai-               [A-Za-z0-9]{60,100}
  r8_                [A-Za-z0-9]{37}
  pplx-              [A-Za-z0-9]{48}
  csk-               [a-z0-9]{40,60}
  fw_                [A-Za-z0-9]{22,40}
  lsv2_              (?:pt|sk)_[a-f0-9]{32}_[a-f0-9]{10}
  s-s4t2             (?:ud|af)-[a-f0-9]{64}
  tvly-              [A-Za-z0-9-]{20,60}
  scp-live-          [a-f0-9]{32}
  fc-                [a-f0-9]{32}
  wandb_v1_          [A-Za-z0-9_]{60,100}
  pcsk_              [A-Za-z0-9]{5,8}_[A-Za-z0-9]{40,80}
  jina_              [A-Za-z0-9]{50,80}
  # monitoring, analytics, maps
  NRAK-              [A-Za-z0-9]{27}
  NRJS-              [a-f0-9]{19,20}
  NRII-              [A-Za-z0-9-]{32}
  NRRA-              [a-f0-9]{42}
  sntryu_            [a-f0-9]{64}
  glsa_              [A-Za-z0-9]{32}_[A-Fa-f0-9]{8}
  dt0c01.            [A-Za-z0-9]{24}\.[A-Za-z0-9]{64}
  phc_               [A-Za-z0-9]{43}
  phx_               [\w-]{43,50}
  pk.                [a-z0-9]{60}\.[a-z0-9]{22}
  sdk-               [a-f0-9]{8}-(?:[a-f0-9]{4}-){3}[a-f0-9]{12}
  PRIVATE-           [a-f0-9]{32}
  p8e-               [a-z0-9]{32}
  AAAAAAAAAAAAAAAA   [A-Za-z0-9%]{60,120}
`
interface Format {
  readonly prefix: string
  readonly rest: RegExp
}

const table: readonly Format[] = formats
  .split('\n')
  .map((line) => line.trim())
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => {
    const [prefix = '', rest = ''] = line.split(/\s+/)
    // Of a known length: one character more, and it is something else.
    return { prefix, rest: new RegExp(/,\d+\}$/.test(rest) ? rest : `${rest}(?![A-Za-z0-9])`, 'y') }
  })
/**
 * Formats by the last two units of their prefix, the longest first: a long run of one letter is a place of some prefix at
 * every unit, so a place must cost no more than a look at the few formats that can stand there.
 */
const byEnding = new Map<number, Format[]>()
for (const format of table.toSorted((a, b) => b.prefix.length - a.prefix.length)) {
  const ending = endingAt(format.prefix, format.prefix.length)
  byEnding.set(ending, [...(byEnding.get(ending) ?? []), format])
}

function endingAt(text: string, end: number): number {
  return (text.charCodeAt(end - 2) << 16) | text.charCodeAt(end - 1)
}

/** Finds keys by prefix, alphabet and length. */
export const vendorKey: Detector = {
  type: 'api-key',
  triggers: table.map(({ prefix }) => prefix),
  maxLength: 512,
  placed: true,
  atWords: true,
  find({ text }, places) {
    const spans: Span[] = []
    let covered = 0
    for (const place of places) {
      if (place <= covered) continue
      const span = keyAt(text, place)
      if (!span) continue
      spans.push(span)
      covered = span.end
    }
    return spans
  },
}

/** @param place behind a prefix */
function keyAt(text: string, place: number): Span | undefined {
  for (const { prefix, rest } of byEnding.get(endingAt(text, place)) ?? []) {
    const start = place - prefix.length
    if (start < 0 || isWithinWord(text, start) || !text.startsWith(prefix, start)) continue
    rest.lastIndex = place
    if (!rest.test(text)) continue
    const value = text.slice(place, rest.lastIndex)
    if (!isBlank(value) && entropy(value) >= 2.5) return { start, end: rest.lastIndex }
  }
  return undefined
}

function isWithinWord(text: string, start: number): boolean {
  if (start === 0) return false
  const before = text.charCodeAt(start - 1)
  return (isAlphanumeric(before) || before === 0x2b) && isAlphanumeric(text.charCodeAt(start))
}

/** Marks in the middle: Azure's client secrets and keys, Telegram's bots, Mailchimp's data centres, Terraform, Firebase. */
export const markedKey = placedDetector({
  type: 'api-key',
  triggers: ['Q~', ':AA', '-us', 'JQQJ99', '.atlasv1.', ':APA91b'],
  maxLength: 240,
  pattern:
    /(?<=(?<![\w~.-])(?<lead>[\w~.-]{3}\dQ~|\d{8,10}:AA|[a-f0-9]{32}-us|[A-Za-z0-9]{52}JQQJ99|[A-Za-z0-9]{14}\.atlasv1\.|[\w-]{11,24}:APA91b))(?:(?<=JQQJ99)[A-Za-z0-9]{26}|(?<=atlasv1\.)[\w-]{60,70}|(?<=APA91b)[\w-]{120,180}|(?<=Q~)[\w~.-]{31,34}|(?<=:AA)[\w-]{32,34}|(?<=-us)\d{1,2}(?!\d))(?![\w~-])/y,
  accept(match) {
    const start = match.index - (match.groups?.lead?.length ?? 0)
    const end = match.index + match[0].length
    return isPlaceholder(match[0]) || (match[0].length > 2 && entropy(match[0]) < 3)
      ? undefined
      : { start, end }
  },
})

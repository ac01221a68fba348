/** The reference of every policy key, as Markdown, from the schema. `config/README.md` is its output. */

import { ownKeywords, type SchemaNode } from './schema/node.ts'
import { policySchema } from './schema/schema.ts'
import { maxTimer } from './schema/types.ts'

const intro = `# The policy file

One YAML file says who may do what. \`torwart.yaml\` beside this page is the one that ships: safe as it is,
commented for a first reading. \`torwart check -c FILE\` tells every mistake with its line and column; editors
complete and check the keys with the line

    # yaml-language-server: $schema=./torwart.schema.json

at the top of the file.

- \`\${VAR}\` and \`\${VAR:-default}\` expand from the environment in any value, \`\${file:PATH}\` from a file. A variable
  that is not set and has no default is an error.
- Relative paths start at the policy file.
- Durations are \`250ms 30s 15m 24h 30d\`, sizes \`512B 64KiB 1MiB\`.
- A change of the file or of \`keys.file\`, or a SIGHUP, reloads everything but \`listen\`, \`admin\`, \`store\`,
  \`audit.file\`, \`audit.forward\`, \`timeouts.body\` and \`timeouts.idle\`; what waits for a restart is told. A bad file changes nothing; the log, \`torwart_policy_reloads_total\` and \`/readyz\` say so.
- \`limits\` of a role hold for each of its keys, \`shared\` for all of them together, \`models.NAME.limits\` for a model, the
  top-level \`limits\` for all callers. All that apply must have room; the tightest is told in \`x-ratelimit-*\`, and its
  \`scope\` in the record. Tokens count times the \`weight\` of their model.
- \`requestsPerMinute\` counts requests that a model or a guard has worked on. A request that was refused before (no slot,
  no tokens, no such model, not valid) is given back. A prompt that a guard refused counts, or probing guards would be free.
  Past 32 MiB a minute of bodies that were read in vain such requests of a key count, too. \`actionsPerMinute\` counts every
  request that came.
- Requests over \`concurrent\` wait for their turn, up to \`waiting\` of each key and for \`queue.wait\` at most; the record's
  \`timing.queuedMs\` says how long. Past that they are 429 \`too_many_concurrent\`. \`waiting: 0\` refuses at once.
- A request takes its slot before its guards read it. Guards read long requests and answers in slices, in turns that are
  fair between keys. \`guards.budget\` is the most work they may take for one request: plain text counts one for each
  character, JSON and HTML about ten, mixed disguises sixty and more. The record's \`timing.guardMs\` and \`timing.guardWork\`
  say what each request took. Raise the budget for roles with long answers or bodies over 1 MiB.
- A request reserves the tokens it may cost at most (its input, estimated, and the most its answer may have), and is
  settled to what it did cost. What could never fit is 400. What was refused costs no tokens; what was cut off costs what
  was generated.
- The circuit breaker (\`actionsPerMinute\`) opens for a minute, and for twice as long each time, up to an hour; then one
  request goes through, and if that one stays within the limit, all do. Ten minutes without an opening (or as long as it
  was open last) and it begins at a minute again. \`torwart breaker close ID\` closes it.
- \`repetition\` compares prompts as a whole (chat and completions), and tool calls by name and arguments. Case, blanks,
  invisible characters, times of day (with their date) and random ids make no difference; numbers and days do. It counts every
  prompt and call for itself, so loops that alternate are seen too. What no model worked on does not count. Tool calls
  leave when the answer has ended and they were judged; what was said before them leaves at once.
- \`retry-after\` of a 429 is true if nobody else spends meanwhile; where it depends on when a running request ends, it
  is a second.
- \`x-ratelimit-reset-*\` is in whole seconds. Windows slide in steps of a sixtieth of their length, and always to
  the safe side: never more than the limit passes in any window, and a place is free at most one step late.
- A pattern in \`models\` covers what it names part by part: \`qwen3\` is \`qwen3:latest\`, \`*\` is every model without a
  tag, and every model is \`["*", "*:*"]\` (those of other registries: \`"hf.co/*/*:*"\`). Names of LocalAI and other
  servers are compared as they are, letter by letter.
- A role whose \`routes\` name \`admin\` may make a model from any file that is on the server, so it may in the end read
  every model there. Its routes change the first upstream of the kind \`ollama\`.
- \`tools\` of a role: tools are matched by name, letter by letter, \`*\` standing for any characters; those in
  namespaces by their own name. What a role may not
  call is not offered to the model, and the record names it. Of the \`arguments\`, all patterns that match a tool hold,
  whatever their order. Short rules demand that the argument is there (unless \`optional: true\`) and of the rule's kind;
  what they do not name is free. A pattern is found anywhere in the text unless anchored; one that begins with \`^/\` is about
  a path, and paths that climb (\`..\`, backslashes, in percent-encoding too) never pass. JSON Schemas know the usual keywords
  but \`format\`, \`patternProperties\`, \`unevaluated…\` and references that come back to themselves. Arguments of a tool
  with rules, or under \`approve\`, must read the same everywhere: strict JSON, no key twice or in two spellings, no number
  of more than 15 digits, at most 256 KiB, and 8 KiB where a human is asked. Those of other tools are not looked at.
- \`custom\` tools of the Responses API (Codex's \`apply_patch\`) are given free text. Rules under \`arguments\` speak of JSON,
  so a call of a custom tool that has such rules is outside; under \`approve\` a human is shown the text as \`input\`. Ollama
  and LocalAI know functions only: before them a custom tool becomes a function with the argument \`input\`, functions of a
  namespace get its name in front, and calls in answers are turned back. Calls of tools without a name go by their type
  (\`local_shell_call\`). A tool that the model server does not read (\`local_shell\`, \`tool_search\`, \`mcp\`…) is 400 and
  named; so is an item that no guard can read (\`compaction\`).
- Web search that the model server would run is left out of a request unless the role's \`allow\` names \`webSearch\`: an Ollama
  asks ollama.com then. \`x-torwart-left-out\` names what a caller would look for in vain: tools that were left out, and
  \`previous_response_id\` before an Ollama, which keeps no conversations. With \`strict: true\` a role is refused instead
  (but for tools that its own \`tools\` exclude).
- \`x-torwart-guards\` also names what no guard read: \`prompt=allow, images=unread\`. \`opinion=allow\` beside \`prompt=flag\`
  is the word of \`guards.prompt.model\`, which clears nothing; \`opinion=unread\`: it gave no answer that is one, was busy
  with four others (questions do not count in \`concurrent\`), or there was more to read than it was asked about: of what is
  flagged 16 KiB, of other texts 64 questions a request, the newest texts first.
- \`guards.prompt.model.when: untrusted\` asks it about every tool result, document and tool definition as well, \`all\` about
  every text (but trusted system prompts), each a question of up to 16 KiB, once for each caller while its digest is
  remembered. A new question costs the request the time of the model's answer; all questions of a request share \`timeout\`.
  The record's \`opinion\` has how many were \`asked\`, \`remembered\` and \`unread\`, their \`ms\` and tokens. What the scanner has
  blocked is not asked about.
- \`roles.NAME.guards\` replaces single keys of \`guards\` for one role, lists whole; \`separate\` of the role itself goes first.
  Roles with the same signatures share one scanner. A token keeps the guards of its key's role; \`torwart access\` shows them.
- \`guards.output.toolArguments\` is for secrets and personal data in what tools are given. Absent, they meet what \`secrets\` and
  \`pii\` say: \`redact\` for secrets, because a key that has left through a tool is lost for good, while a mark in an
  argument is seen and can be mended. A coding agent writes files from these arguments, so its role wants \`flag\`: that alters
  nothing and is on record. Keys and tokens of vendors' own documentation (Stripe's test key, the token of jwt.io) are no
  secrets anywhere.
- A record of the audit log is one JSON object a line. What may be erased (\`peer\`, \`agent\`, \`session\`, \`prompt\`,
  \`answer\`) stands behind its \`hash\` and is bound by \`content\`, a digest with the \`salt\` beside it; after an erasure
  \`erased\` names that instead. \`traceparent\` is the caller’s or, without one, ours; the model server gets the same
  trace with \`span\`. \`approvals\` are the questions to humans that the request asked, used or was denied by; the events
  \`approval …\` name in \`request\` the request that asked, and in \`usedBy\` the one that used the yes.
- \`keep_alive\` of a request is moved into \`caps.keepAlive\`, and \`x-torwart-clamped\` says so. A request without a
  prompt and with \`keep_alive: 0\` asks to unload the model (\`ollama stop\`): it is refused, unless \`min\` is \`0s\`.
- \`memory.budget\` is for all requests together: bodies, answers that are not yet whole, and what waits for a guard or a
  human. The request that asks for more than is left is refused with \`overloaded\`, or its answer cut; what holds less than
  1 MiB may use the last tenth, so that a few large ones leave room for the rest. A document counts six times its bytes
  while it comes, so 60 MB of chat in one answer take 360 MB; vectors of embeddings pass as they come and count nothing.
- A silent stream of server-sent events gets a sign of life every \`timeouts.keepAlive\`: SDKs skip it, and proxies see that the
  connection lives. It begins the answer (status 200) if the model server has not begun yet; what fails then is told in the
  stream, and no other server is asked. Requests that still wait in the \`queue\` get none. Ollama’s own streams have no
  room for one, since clients take an empty line for a broken answer: give a proxy before the gate a read timeout above
  \`timeouts.serverSilence\` there. An answer that is no stream is waited for until \`timeouts.total\`. 504 carries
  \`x-should-retry: false\`: asking again would have the model do the same work once more.

- \`listen.tls\` is TLS 1.2 and 1.3. Its files are read again when they change; connections go on, except that those which
  showed a client certificate end, once nothing runs on them, when \`clientCa\` or \`crl\` changes. A broken file changes
  nothing. Sessions are not resumed where clients are asked for certificates. With \`crl\`, every CA above a client
  certificate needs a list that has not run out, or its certificates are refused.
- A client certificate identifies by itself. One that is expired, revoked, from another CA or not for clients is refused:
  with \`required\` in the handshake, with \`optional\` by 401, also when a good key comes with it. A certificate that no
  rule matches counts for nothing beside a key and is 401 alone. With both, the key's role holds and the record names both.
- Limits hold for each name a certificate rule matches: \`dns:NAME\`, \`uri:URI\`, \`cn:NAME\` or \`sha256:…\` is its id in
  records, a new certificate for the same name keeps it.
- A JSON Web Token comes where a key comes. It must carry \`exp\` and \`sub\`, its \`typ\` must be \`JWT\`, \`at+jwt\` or absent.
  An issuer's keys are fetched when first needed, every ten minutes, and when a token names a key that is not known, at
  most every two seconds; they hold for a day while it is away, follow no redirect, and may be 256 KiB. A \`publicKey\`
  file is read again when it changes. Its bearer is \`jwt:ISSUER:SUB\` in records and limits, where ISSUER stands for the
  first eight digits of the SHA-256 of \`issuer\`; a \`sub\` that is personal, long or unprintable stands there as \`~\` and
  a digest. The same goes for names of certificates. A token that its issuer takes back is good until it runs out.
- What is marked as not built is accepted, checked and without effect in this version; \`torwart check\`, the log at
  start and \`/readyz\` warn of it.
- \`x-torwart-guards\` names the guards that ran on a request and their verdict, \`x-torwart-clamped\` the parameters
  that a cap lowered. \`x-ratelimit-*-requests\` speaks of the limit the route counts against: \`probesPerMinute\` on
  lists, \`requestsPerMinute\` elsewhere.

- A request without a limit of its own (\`num_predict\`, \`max_tokens\` …) gets the lower of \`caps.outputTokens\` and what
  the model's own file sets (\`PARAMETER num_predict\`, which an Ollama tells), and reserves that against budgets, beside its
  input. Where the cap is what holds, \`x-torwart-clamped\` names the parameter. \`num_ctx\` is lowered in the same way
  where the model's own is above \`caps.contextTokens\`; where neither asks for one, none is sent, and the server's default
  holds. OpenAI's routes have no \`num_ctx\`.
- Tokens that a model has worked on count, however the request ended: refused for a tool call or for what it said, left
  by its client, cut, too late. Without a count of the model server's they are estimated, of an answer that comes in one
  piece and was left before from the time the model was at it, up to what was reserved. A model server that fails by itself
  costs nothing.

## Exceptions from the prompt guard

A false alarm of the prompt guard is accepted by the passage, not by switching a signature off:

1. \`torwart findings\` lists what was blocked most often, by signature, channel, tool and key, with the last request of each.
   \`--all\` adds what was only flagged or excepted. It exits 1 when anything was blocked.
2. \`torwart allow --text-of REQUEST --why '…' [--for 30d]\` accepts the passages for which that request was blocked. The
   request's record names this command as \`remedy\`. \`--in tool:read_file\` accepts them in the results of another tool.
3. \`torwart allow --signature ID --in tool:read_file --why '…'\` accepts everything that one signature finds there. \`--in\` takes a
   channel (\`system\`, \`user\`, \`assistant\`, \`tool\`, \`definition\`, \`document\`); \`tool\` and \`definition\` take a tool's name, with \`*\`.
4. \`torwart exceptions\` lists the exceptions in force; \`--remove ID\` takes one back.

- A passage is a paragraph. It is known by a digest of its normal form: case and stretches of blanks make no difference, a
  word more does, and so does any invisible character. The digest is keyed (\`KEYS-FILE.passages\`, made when first
  needed), so that a record does not help to guess a short text. Gateways with another keys folder need a copy of that file.
- An exception for a tool trusts the name that the request gives it. Of two servers of tools with one name, it holds for both.
- Exceptions stand beside the policy (\`POLICY-FILE.exceptions.json\`), are part of its version, and apply at once. A file with a mistake
  changes nothing. At most 1,000.
- Nothing passes in silence: the finding stays in the record, with \`action: allow\` and the id of the \`exception\`. Making and
  removing one are events of the audit log (\`exception made\`, \`exception removed\`).
- Exceptions concern the prompt guard only. The output guard, tool rules and limits know none.

## Whether to trust system prompts

\`trustSystem\` is off for every role, coding agents too. System prompts weigh half of what users say: of 58 prompts of
agents and assistants two are blocked (as a user's words 41 would be), and those are accepted with \`torwart allow\`. Trusting them
instead lets pass what agents paste into them: of 100 agents' prompts that a hostile rules file was appended to,
56 are flagged or blocked; trusted, none is. Switch it on where the prompts are your own program's and hold no files.
It changes nothing for prompt theft: requests to reveal the prompt are found in other messages, \`guards.output.theft\` and the canary
read trusted prompts as well.

This page is generated from the schema (\`npm run generate\`).

## Keys

| key | what | default |
|---|---|---|
`

/** @returns the whole page */
export function reference(): string {
  const rows: string[] = []
  walk(policySchema, '', rows)
  return `${intro}${rows.join('\n')}\n`
}

function walk(node: SchemaNode, path: string, rows: string[]): void {
  for (const [key, member] of Object.entries(node.properties ?? {})) {
    const at = path === '' ? key : `${path}.${key}`
    rows.push(
      `| \`${at}\` | ${cell(describe(member))} | ${standard(member, node.required?.includes(key) ?? false)} |`,
    )
    walk(member, at, rows)
    if (member.items) walk(member.items, `${at}[]`, rows)
    for (const each of Object.values(member.patternProperties ?? {})) walk(each, `${at}.NAME`, rows)
  }
}

function describe(node: SchemaNode): string {
  const words = node.enum ?? node.items?.enum
  const said = [
    node.description,
    words && `One of ${words.map((word) => `\`${word}\``).join(', ')}.`,
    rangeOf(node),
  ]
  return said.filter(Boolean).join(' ')
}

function rangeOf({ min, max, type, minimum, maximum }: SchemaNode): string | undefined {
  const counted = type === 'integer' && maximum !== undefined && maximum < 1e12
  const [from, to] = counted ? [minimum, maximum] : [min, max]
  // What no timer of Node can wait for is no choice of ours.
  if (from === undefined && to === maxTimer) return undefined
  if (from !== undefined && to !== undefined) return `From \`${from}\` to \`${to}\`.`
  if (to !== undefined) return `At most \`${to}\`.`
  return from === undefined ? undefined : `At least \`${from}\`.`
}

function standard(node: SchemaNode, required: boolean): string {
  if (node.properties || node.patternProperties) return ''
  if (node.default === undefined) return required ? 'must be given' : ''
  if (!Array.isArray(node.default)) return `\`${node.default}\``
  return node.default.map((each) => `\`${each}\``).join(', ') || 'none'
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|')
}

/** The JSON Schema for editors: what has a default need not be written. */
export function editorSchema(): object {
  const relaxed = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(relaxed)
    if (typeof value !== 'object' || value === null) return value
    const node = value as SchemaNode
    const copy: Record<string, unknown> = {}
    for (const [key, member] of Object.entries(node))
      if (!ownKeywords.some((own) => own === key && typeof member === 'string')) copy[key] = relaxed(member)
    if (node.required && node.properties)
      copy.required = node.required.filter((key) => node.properties?.[key]?.default === undefined)
    return copy
  }
  return { $schema: 'https://json-schema.org/draft/2020-12/schema', ...(relaxed(policySchema) as object) }
}

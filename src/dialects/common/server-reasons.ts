/**
 * The reason that a model server gives for refusing a request, as far as the caller may read it.
 *
 * A server's text may contain addresses, paths and Go types, quote the prompt, or be written by a malicious server. So a
 * reason passes only if each of its words is in a vocabulary; a quotation passes only if it is a field of one of the APIs.
 */
import { isObject, type JsonValue, tryJson } from '../../core/json.ts'

/** Parameters that error messages name. */
const fields: ReadonlySet<string> = new Set(
  `model messages prompt input images tools tool_choice functions stream stream_options suffix system template context
   format options think keep_alive truncate dimensions encoding_format response_format json_schema schema
   num_keep seed num_predict top_k top_p min_p typical_p repeat_last_n temperature repeat_penalty presence_penalty
   frequency_penalty stop num_ctx max_tokens max_completion_tokens max_output_tokens n logprobs top_logprobs
   logit_bias reasoning reasoning_effort instructions text role content name type file language voice size quality
   mode documents query top_n previous_response_id stop_sequences thinking metadata`.split(/\s+/),
)

/** Values that error messages name as acceptable. */
const values: ReadonlySet<string> = new Set(
  `json json_object json_schema text high medium low max none auto required true false null float base64 user assistant
   system tool mean last wav mp3 srt vtt verbose_json b64_json url`.split(/\s+/),
)

const words: ReadonlySet<string> = new Set(
  `a an and any are as at be been between by can cannot could data does e for from got greater has have in instead integer
   invalid is it its least less list long longer many maximum may message minimum missing more most must negative no non
   not number object of on one only option or out parameter please positive range request required requires schema
   short should size small smaller string supported take than that the this to too type types unknown unsupported
   unexpected up use valid value values was when with without you zero currently encoded exactly streaming completions
   completion chat embeddings image urls url expected array boolean field empty allowed equal larger both each either
   float64 int string bool map end`.split(/\s+/),
)

const maxLength = 200

/** Returns the reason as one line of plain words, or undefined if there is none that may be passed on. */
export function reasonOf(body: string): string | undefined {
  const message = messageOf(tryJson(body.trim()) ?? null, 3)
  if (message === undefined || message.length > maxLength) return undefined
  const typed = wrongType(message)
  if (typed !== undefined) return typed
  const told = message.replace(
    /"([^"]*)"|'([^']*)'|`([^`]*)`/g,
    (_all, ...quoted: (string | undefined)[]) => {
      const inner = quoted.slice(0, 3).find((each) => each !== undefined) ?? ''
      if (fields.has(inner)) return `\`${inner}\``
      return values.has(inner) ? `"${inner}"` : '"…"'
    },
  )
  return isPlain(told) ? told.replace(/\.$/, '') : undefined
}

/** Tells whether a reason concerns a parameter of the request, and not the server. */
export function namesField(reason: string): boolean {
  return /`\w+`/.test(reason) || reason.split(/[^\w]+/).some((word) => word.includes('_') && fields.has(word))
}

/** Unwraps nested errors: a runner's within that of its server, and LocalAI's, which is serialised as text. */
function messageOf(value: JsonValue, depth: number): string | undefined {
  if (isObject(value)) {
    const { error, message } = value
    if (depth === 0) return undefined
    return messageOf(error ?? message ?? null, depth - 1)
  }
  if (typeof value !== 'string') return undefined
  const nested = depth > 0 && value.startsWith('{') ? tryJson(value) : undefined
  if (nested !== undefined) return messageOf(nested, depth - 1)
  return value.replace(/^(?:code=\d{3}, message=)+/, '').replace(/, internal=.*$/s, '')
}

/** Rephrases Go's message about a value of the wrong type, which names Go types. */
function wrongType(message: string): string | undefined {
  const named = /Go struct field [\w.]*?\.([\w.]{1,64}) of type|\bfield=([\w.]{1,64})[,\s]/.exec(message)
  const path = (named?.[1] ?? named?.[2])?.split('.')
  return path?.every((part) => fields.has(part))
    ? `\`${path.join('.')}\` has a value of the wrong type`
    : undefined
}

function isPlain(text: string): boolean {
  const unquoted = text.replace(/`\w+`|"[^"]*"/g, ' ')
  return unquoted.split(/[\s-]+/).every((token) => {
    // Signs inside a word (an address, a path) are no punctuation.
    const word = token.replace(/^[([{]+|[)\]},.;:]+$/g, '')
    return (
      word === '' ||
      /^\d{1,6}$/.test(word) ||
      words.has(word.toLowerCase()) ||
      fields.has(word) ||
      values.has(word)
    )
  })
}

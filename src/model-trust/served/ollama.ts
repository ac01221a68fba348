/**
 * What an Ollama tells: digests in `/api/tags` and `/api/ps`, and what a model consists of in `/api/show` (`server/routes.go`,
 * v0.33). Its digest is the SHA-256 of the manifest, which names every layer by digest.
 */
import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts'
import { isRemote } from '../../dialects/ollama/fields.ts'
import { canonicalModel } from '../../models/name.ts'
import { digestOf, inOrder, type ModelFacts, type Part, type PartKind, sha256Of } from '../parts.ts'
import { type AskServer, type Contents, metadataIn, presentIn, type ServedModel } from './served.ts'

/** Lists the models of an Ollama; undefined if its list cannot be read. @throws Refusal */
export async function listOllama(
  ask: AskServer,
  upstream: string,
): Promise<readonly ServedModel[] | undefined> {
  const [tags, ps] = [await ask('/api/tags'), await ask('/api/ps')]
  if (!isObject(tags) || !Array.isArray(tags.models)) return undefined
  const loaded = new Map(entriesOf(ps).map(([name, entry]) => [name, digestOf(entry.digest)]))
  return entriesOf(tags).map(([name, entry]) => ({
    ...factsIn(entry),
    ...presentIn<Pick<ModelFacts, 'size'>>({ size: typeof entry.size === 'number' ? entry.size : undefined }),
    ...{ name, kind: 'ollama', upstream },
    digest: digestOf(entry.digest),
    loaded: loaded.get(name),
    remote: isRemote(entry),
  }))
}

function entriesOf(list: JsonValue | undefined): [name: string, entry: JsonObject][] {
  const entries = isObject(list) && Array.isArray(list.models) ? list.models.filter(isObject) : []
  return entries.flatMap((entry): [string, JsonObject][] => {
    const name = canonicalModel(String(entry.name ?? ''))
    return name === undefined ? [] : [[name, entry]]
  })
}

/** Characters of a fact, which is a word or two; a lock holds no longer ones. */
const maxFact = 512

function factsIn({ details }: JsonObject): ModelFacts {
  if (!isObject(details)) return {}
  const text = (value: JsonValue | undefined) =>
    typeof value === 'string' && value.length <= maxFact ? value : undefined
  return presentIn<ModelFacts>({
    size: undefined,
    family: text(details.family),
    parameterSize: text(details.parameter_size),
    quantisation: text(details.quantization_level),
    parent: text(details.parent_model),
  })
}

/** Asks what a model consists of; undefined if the server does not tell. @throws Refusal */
export async function contentsAtOllama(ask: AskServer, model: string): Promise<Contents | undefined> {
  const shown = await ask('/api/show', { model })
  return isObject(shown) ? contentsIn(shown) : undefined
}

/** Reads the response of `/api/show`. */
export function contentsIn(shown: JsonObject): Contents {
  const file = commandsIn(textIn(shown, 'modelfile'))
  const only = (name: string) => file.find(([command]) => command === name)?.[1] ?? ''
  const texts: [PartKind, string][] = [
    ['template', textIn(shown, 'template')],
    ['system', textIn(shown, 'system')],
    ['parameters', canonicalParameters(textIn(shown, 'parameters'))],
    ['messages', messagesIn(shown.messages)],
    ['renderer', textIn(shown, 'renderer') || only('RENDERER')],
    ['parser', textIn(shown, 'parser') || only('PARSER')],
    ['license', textIn(shown, 'license')],
  ]
  const parts: Part[] = [
    ...filesIn(file),
    ...texts.flatMap(([kind, text]) => (text === '' ? [] : [{ kind, sha256: sha256Of(text) }])),
  ]
  const metadata = isObject(shown.model_info) ? metadataIn(shown.model_info) : {}
  return { ...factsIn(shown), parts: inOrder(parts), metadata }
}

function textIn(shown: JsonObject, name: string): string {
  const value = shown[name]
  return typeof value === 'string' ? value : ''
}

/** One a line, in the order of a Go map: another one each time. */
function canonicalParameters(text: string): string {
  const lines = text.split('\n').map((line) => line.trim().replace(/^(\S+)\s+/, '$1 '))
  return lines
    .filter((line) => line !== '')
    .toSorted()
    .join('\n')
}

function messagesIn(messages: JsonValue | undefined): string {
  const list = Array.isArray(messages) ? messages.filter(isObject) : []
  return list.length === 0 ? '' : JSON.stringify(list.map(({ role, content }) => [role ?? '', content ?? '']))
}

/** The weights come first, then adapters, a draft model, projectors, each by the path of its blob. */
function filesIn(commands: readonly (readonly [string, string])[]): Part[] {
  let weights = 0
  return commands.flatMap(([command, argument]): Part[] => {
    const sha256 = digestOf(/sha256[:-][0-9a-fA-F]{64}/.exec(argument)?.[0])
    if (sha256 === undefined) return []
    if (command === 'ADAPTER') return [{ kind: 'adapter', sha256 }]
    if (command === 'DRAFT') return [{ kind: 'draft', sha256 }]
    if (command !== 'FROM') return []
    weights++
    return [{ kind: weights === 1 ? 'weights' : 'projector', sha256 }]
  })
}

const command = /^(FROM|ADAPTER|DRAFT|RENDERER|PARSER|[A-Za-z_]+) (.*)$/

/** Reads the commands of a Modelfile; what stands within quotes is text. Of commands with text only the first line is kept. */
function commandsIn(modelfile: string): readonly (readonly [string, string])[] {
  const commands: (readonly [string, string])[] = []
  let closing: string | undefined
  for (const line of modelfile.split('\n')) {
    if (closing !== undefined) {
      if (line.endsWith(closing)) closing = undefined
      continue
    }
    const [, name, argument] = command.exec(line) ?? []
    if (name === undefined || argument === undefined) continue
    commands.push([name, argument])
    const [quote] = /^("""|")/.exec(argument) ?? []
    const isClosed = quote === undefined || (argument.length > quote.length && argument.endsWith(quote))
    if (!isClosed) closing = quote
  }
  return commands
}

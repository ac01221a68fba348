/** What roles may do and which guards they have, as blocks of the document. */
import type { OutputGuard, Policy, PromptGuard, Role } from '../../policy/policy.ts'
import { enforcedShare, type Part } from '../enforced.ts'
import { type Block, fact, facts } from '../page/page.ts'
import type { DocumentTexts } from './texts.ts'

/** Returns the blocks of all roles. */
export function roleBlocks({ roles }: Policy, words: DocumentTexts): readonly Block[] {
  return [...roles.values()].flatMap((role) => [
    { kind: 'heading', level: 3, text: `${words.role} ${role.name}` },
    roleFacts(role, words),
  ])
}

function roleFacts(role: Role, words: DocumentTexts): Block {
  const { purpose, routes, models, tools, limits, caps, promptGuard, outputGuard, marking, content } = role
  const told = (part: Part) => observing(role, part, words)
  return facts(
    fact(words.purpose, [purpose ?? words.notStated]),
    fact(words.routes, [[...routes].join(', ')]),
    fact(words.mayUse, [models.join(', ')]),
    fact(words.tools, [
      tools === undefined ? words.anyTool : tools.allow.join(', ') || words.none,
      told('tools'),
    ]),
    fact(words.approve, [tools?.approve.join(', ') ?? '']),
    fact(words.limits, [countsOf(limits).join(', ') || words.none, told('limits')]),
    fact(words.caps, [
      countsOf({ ...caps, ...(role.allow.size > 0 ? { allow: [...role.allow].join(' ') } : {}) }).join(', '),
    ]),
    fact(words.promptGuard, [promptGuardInWords(promptGuard), told('promptGuard')]),
    fact(words.outputGuard, [outputGuardInWords(outputGuard), told('outputGuard')]),
    fact(words.marking, [marking]),
    fact(words.content, [content]),
  )
}

/** Says that a part is not enforced for all keys; empty if it is. */
function observing(role: Role, part: Part, words: DocumentTexts): string {
  const share = enforcedShare(role, part)
  if (share === undefined || share === 1) return ''
  return share === 0 ? words.observes : `${words.enforcedFor} ${Math.round(share * 100)} % ${words.ofKeys}`
}

/** Prints what is set, by its key in the policy. */
function countsOf(of: object): readonly string[] {
  return Object.entries(of).flatMap(([name, value]: [string, unknown]) => {
    if (value === undefined) return []
    if (typeof value !== 'object' || value === null) return [`${name} ${String(value)}`]
    return countsOf(value).map((each) => `${name}.${each}`)
  })
}

/** Names mode and thresholds. */
export function promptGuardInWords({ mode, block, flag, model }: PromptGuard): string {
  if (mode === 'off') return mode
  return `${mode}, block ${block}, flag ${flag}${model === undefined ? '' : `, ${model.name} (${model.when})`}`
}

/** Names mode and actions. */
export function outputGuardInWords({ mode, actions, toolArguments }: OutputGuard): string {
  if (mode === 'off') return mode
  return [mode, ...countsOf({ ...actions, toolArguments })].join(', ')
}

/** Roles that are new or gone, and what single roles may make of tools. */
import type { RoleConfig } from '../../policy/schema/schema.ts'
import { type Difference, listed } from './sentences.ts'

type Tools = NonNullable<RoleConfig['tools']>

/** Says what a new role may do; the rest of it is told by its keys. */
export function newRole(name: string, { routes, models, tools }: RoleConfig, holders: string): Difference {
  const may = [
    `routes ${listed(routes) || 'none'}`,
    `models ${listed(models) || 'none'}`,
    `tools ${tools ? toolsText(tools) : 'any'}`,
  ]
  return {
    path: `roles.${name}`,
    sentence: `role \`${name}\` is new: ${may.join('; ')}${holders}`,
    direction: 'widened',
  }
}

/** Says that a role is gone. */
export function goneRole(name: string, holders: string): Difference {
  const sentence = `role \`${name}\` is gone: its callers are refused${holders}`
  return { path: `roles.${name}`, sentence, direction: 'narrowed' }
}

function toolsText({ allow, approve }: Tools): string {
  const named = [
    allow.length > 0 ? listed(allow) : '',
    approve.length > 0 ? `${listed(approve)} with approval` : '',
  ]
  return named.filter(Boolean).join(', ') || 'none'
}

type Right = 'none' | 'approval' | 'free'
const order: readonly Right[] = ['none', 'approval', 'free']
const becomes: Readonly<Record<Right, string>> = {
  none: 'may no longer call',
  approval: 'may now call, after a human’s approval,',
  free: 'may now call',
}

/** Compares what a role may call, as calls are judged: approval goes before permission. */
export function toolDifferences(
  name: string,
  before: Tools | undefined,
  after: Tools | undefined,
  holders: string,
): readonly Difference[] {
  const path = `roles.${name}.tools`
  if (!before && !after) return []
  if (!before && after)
    return [
      {
        path,
        sentence: `role \`${name}\` may now call only some tools: ${toolsText(after)}${holders}`,
        direction: 'narrowed',
      },
    ]
  if (!before || !after)
    return [
      {
        path,
        sentence: `role \`${name}\` may now call any tool, with any arguments${holders}`,
        direction: 'widened',
      },
    ]
  const patterns = [before, after].flatMap(({ allow, approve }) => [...allow, ...approve])
  return [...new Set(patterns)].flatMap((pattern) => {
    const [was, is] = [rightTo(pattern, before), rightTo(pattern, after)]
    if (was === is) return []
    const free = is === 'free' && was === 'approval' ? ' without approval' : ''
    return [
      {
        path,
        sentence: `role \`${name}\` ${becomes[is]} tool \`${pattern}\`${free}${holders}`,
        direction: order.indexOf(is) > order.indexOf(was) ? 'widened' : 'narrowed',
      } satisfies Difference,
    ]
  })
}

function rightTo(pattern: string, { allow, approve }: Tools): Right {
  if (approve.includes(pattern)) return 'approval'
  return allow.includes(pattern) ? 'free' : 'none'
}

/** Measures about what is sent to models. */
import type { PromptGuard } from '../../policy/policy.ts'
import { besidePassThrough, type Measure, ofRoles, setting, usingRoles, whether } from '../measure.ts'
import { guardSettings, type Reading } from './guards.ts'

/** What weakens a guard that is on. */
function weakened({ disable, severities }: PromptGuard): Reading[] {
  const lowered = Object.values(severities).filter((severity) => severity === 'low').length
  return [
    ...(disable.length > 0 ? [['disable', `${disable.length} ids`, 'partly'] as const] : []),
    ...(lowered > 0 ? [['severities', `${lowered} low`, 'partly'] as const] : []),
  ]
}

/** Known injections in prompts, tool results and documents are refused. */
export const promptGuard: Measure = {
  what: {
    en: 'Known prompt injections in prompts, tool results and documents are refused',
    de: 'Bekannte Prompt-Injections in Prompts, Werkzeugergebnissen und Dokumenten werden abgelehnt',
  },
  proof: 'torwart scan FILE',
  traces: ['promptBlocked'],
  judge({ policy }) {
    const roles = usingRoles(policy)
    const settings = guardSettings(policy, roles, 'promptGuard', (guard) =>
      guard.mode === 'enforce'
        ? [['mode', guard.mode, 'met'], ...weakened(guard)]
        : [['mode', guard.mode, 'not']],
    )
    const trusting = roles.filter((role) => role.trustSystem && role.promptGuard.mode !== 'off')
    const { entries } = policy.exceptions
    if (settings.every(({ extent }) => extent === 'not')) return settings
    return [
      ...settings,
      ...trusting.map(({ name }) => setting(`roles.${name}.trustSystem`, true, 'partly')),
      ...(entries.length > 0 ? [setting('exceptions', entries.length, 'partly')] : []),
    ]
  },
}

/** Tool results and documents are marked as data. */
export const untrustedMarked: Measure = {
  what: {
    en: 'Tool results and documents are marked as data (spotlighting)',
    de: 'Werkzeugergebnisse und Dokumente werden als Daten gekennzeichnet (Spotlighting)',
  },
  proof: 'torwart access',
  traces: ['marked'],
  judge({ policy }) {
    const roles = usingRoles(policy)
    const isSame = new Set(roles.map(({ separate }) => separate)).size < 2
    return ofRoles(roles, ({ name, separate }) => [
      setting(isSame ? 'guards.prompt.separate' : `roles.${name}.separate`, separate, whether(separate)),
    ])
  },
}

/** A guard model judges what is flagged. */
export const secondOpinion: Measure = {
  what: {
    en: 'A guard model judges what signatures only flag',
    de: 'Ein Wächtermodell beurteilt, was Signaturen nur melden',
  },
  proof: 'torwart check',
  traces: ['opinion'],
  judge: ({ policy }) =>
    guardSettings(policy, usingRoles(policy), 'promptGuard', ({ mode, model }) => {
      if (model === undefined) return [['model', 'absent', 'not']]
      return mode === 'enforce' ? [['model', model.name, 'met']] : [['mode', mode, 'not']]
    }),
}

/** Nothing reaches a model that no guard reads. */
export const unreadRefused: Measure = {
  what: {
    en: 'Content that no guard can read (images, sound, raw prompts) is refused',
    de: 'Inhalte, die kein Wächter lesen kann (Bilder, Ton, rohe Prompts), werden abgelehnt',
  },
  proof: 'torwart audit show --finding any',
  traces: ['unread'],
  judge: ({ policy }) =>
    besidePassThrough(
      policy,
      ofRoles(usingRoles(policy), ({ name, caps, allow, routes }) => [
        setting(`roles.${name}.caps.images`, caps.images, whether(caps.images === 0)),
        ...(allow.size > 0 ? [setting(`roles.${name}.allow`, `[${[...allow].join(', ')}]`, 'not')] : []),
        ...(routes.has('audio') ? [setting(`roles.${name}.routes`, 'audio', 'not')] : []),
        ...(routes.has('realtime') && caps.soundMs > 0
          ? [setting(`roles.${name}.caps.sound`, `${caps.soundMs / 1000}s`, 'not')]
          : []),
      ]),
    ),
}

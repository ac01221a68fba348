/** Measures about tools that models call. */
import { judgeRules } from '../enforced.ts'
import { besidePassThrough, type Measure, ofRoles, setting, whether, writingRoles } from '../measure.ts'

/** Roles name the tools that may be called. */
export const toolsListed: Measure = {
  what: {
    en: 'Only tools that the role names may be offered and called',
    de: 'Nur Werkzeuge, die die Rolle nennt, können angeboten und aufgerufen werden',
  },
  proof: 'torwart explain --key ID --tool NAME',
  traces: ['toolRefused'],
  judge: ({ policy }) =>
    besidePassThrough(
      policy,
      ofRoles(writingRoles(policy), (role) =>
        judgeRules(role, 'tools', ({ name, tools }) => {
          if (tools === undefined) return [setting(`roles.${name}.tools`, 'absent', 'not')]
          const isOpen = tools.allow.some((pattern) => /^\*+$/.test(pattern))
          return [setting(`roles.${name}.tools.allow`, `[${tools.allow.join(', ')}]`, whether(!isOpen))]
        }),
      ),
    ),
}

/** Calls wait for a person. */
export const toolsApproved: Measure = {
  what: {
    en: 'Selected tool calls wait for a person’s approval',
    de: 'Ausgewählte Werkzeugaufrufe warten auf die Freigabe durch einen Menschen',
  },
  proof: 'torwart approvals',
  traces: ['approval'],
  judge: ({ policy }) =>
    besidePassThrough(
      policy,
      ofRoles(writingRoles(policy), (role) =>
        judgeRules(role, 'tools', ({ name, tools }) => {
          if (tools === undefined) return [setting(`roles.${name}.tools`, 'absent', 'not')]
          const isHeld = tools.approve.length > 0 || tools.allow.length === 0
          return [setting(`roles.${name}.tools.approve`, `[${tools.approve.join(', ')}]`, whether(isHeld))]
        }),
      ),
    ),
}

/** Approvers are named. */
export const approversNamed: Measure = {
  what: {
    en: 'The people who approve tool calls are named, and cannot approve their own',
    de: 'Wer Werkzeugaufrufe freigibt, ist benannt und kann eigene nicht freigeben',
  },
  proof: 'torwart access',
  traces: ['approval'],
  judge: ({ policy: { approval } }) => [
    setting(
      'approval.approvers',
      `[${[...approval.approvers].join(', ')}]`,
      whether(approval.approvers.size > 0),
    ),
  ],
}

/** Definitions of tools are pinned. */
export const toolsPinned: Measure = {
  what: {
    en: 'A tool whose definition has changed since it was pinned is refused',
    de: 'Ein Werkzeug, dessen Definition sich seit der Festlegung geändert hat, wird abgelehnt',
  },
  proof: 'torwart tools list',
  traces: ['toolPinned'],
  judge: ({ policy: { modelTrust } }) => [
    setting('models.tools', modelTrust.tools, whether(modelTrust.tools === 'pin')),
  ],
}

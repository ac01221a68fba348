/** The three reports of NIS2, Directive (EU) 2022/2555, article 23(4). */
import { type DraftParts, gap, head, indicators, measures, reporter, whatHappened } from './shared.ts'

/** Within 24 hours: (a). */
export function earlyWarning(parts: DraftParts): string[] {
  return [
    ...head('Early warning', 'NIS2, article 23(4)(a),', parts),
    ...reporter(),
    '## What is known',
    ...whatHappened(parts),
    '## What the early warning must say',
    '',
    `- Suspected of being caused by unlawful or malicious acts: ${gap('yes, no or not known, and why')}`,
    `- Could have a cross-border impact: ${gap('yes, no or not known, and on which Member States')}`,
    `- Help asked for from the CSIRT: ${gap('guidance or technical support, if any')}`,
    '',
  ]
}

/** Within 72 hours: (b). */
export function notification(parts: DraftParts): string[] {
  return [
    ...head('Incident notification', 'NIS2, article 23(4)(b),', parts),
    ...reporter(),
    '## Update of the early warning',
    '',
    gap('what has changed since the early warning, with its date and reference'),
    '',
    '## What is known',
    ...whatHappened(parts),
    '## Initial assessment',
    '',
    `- Severity: ${gap('severity, and by which criteria')}`,
    `- Impact: ${gap('services and recipients affected, duration, financial loss, damage to others')}`,
    `- Status: ${gap('ongoing, contained or over')}`,
    '',
    '## Indicators of compromise',
    ...indicators(parts),
    '## Measures so far',
    ...measures(parts),
  ]
}

/** One month after the notification: (d). */
export function finalReport(parts: DraftParts): string[] {
  const { closed } = parts.incident
  return [
    ...head('Final report', 'NIS2, article 23(4)(d),', parts),
    ...reporter(),
    '## (i) Description, severity and impact',
    ...whatHappened(parts),
    `- Severity and impact: ${gap('final assessment')}`,
    `- End: ${closed ? `closed ${closed.at}` : gap('when it ended; while it goes on, this is a progress report (e)')}`,
    '',
    '## (ii) Threat or root cause',
    '',
    gap('type of threat or root cause that is likely to have triggered the incident'),
    '',
    '## Indicators of compromise',
    ...indicators(parts),
    '## (iii) Applied and ongoing mitigation',
    ...measures(parts),
    gap('measures outside the gateway, and those that go on'),
    '',
    '## (iv) Cross-border impact',
    '',
    gap('where applicable'),
    '',
  ]
}

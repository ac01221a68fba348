/** The report of a serious incident: AI Act, Regulation (EU) 2024/1689, articles 3(49) and 73. */
import type { SeriousKind } from '../notices.ts'
import { type DraftParts, gap, head, indicators, measures, reporter, whatHappened } from './shared.ts'

const periods: Readonly<Record<SeriousKind, string>> = {
  other: '15 days (article 73(2))',
  death: 'ten days, for the death of a person (article 73(4))',
  disruption:
    'two days, for a widespread infringement or a disruption of critical infrastructure (article 73(3))',
}

/** Within 15, ten or two days. */
export function seriousIncident(parts: DraftParts): string[] {
  return [
    ...head('Report of a serious incident', 'AI Act, article 73,', parts),
    ...reporter(),
    `Period counted with: ${periods[parts.incident.serious]}.`,
    '',
    '## The AI system',
    '',
    `- System: ${gap('name, version, provider, and registration in the EU database')}`,
    `- Role of this organisation: ${gap('provider or deployer; a deployer also informs the provider, article 26(5)')}`,
    `- High-risk use (Annex III): ${gap('which, or why this report is made all the same')}`,
    '',
    '## The incident',
    ...whatHappened(parts),
    `- Harm (article 3(49)): ${gap('death or serious harm to health; disruption of critical infrastructure; infringement of fundamental rights; serious harm to property or the environment')}`,
    `- Persons affected: ${gap('number, Member States, and what happened to them')}`,
    `- Causal link between the AI system and the incident: ${gap('established, or reasonably likely, and since when known')}`,
    '',
    '## Evidence',
    ...indicators(parts),
    '## Corrective measures',
    ...measures(parts),
    gap('risk assessment and corrective action (article 73(6))'),
    '',
  ]
}

/** The notification of a personal data breach: GDPR, Regulation (EU) 2016/679, article 33(3). */
import { counts, type DraftParts, gap, head, measures, reporter, whatHappened } from './shared.ts'

/** Within 72 hours; later with the reasons for the delay (article 33(1)). */
export function breachNotification(parts: DraftParts): string[] {
  const { facts, incident } = parts
  const { persons, morePersons } = facts
  const number = `${morePersons ? 'more than ' : ''}${persons}`
  return [
    ...head('Notification of a personal data breach', 'GDPR, article 33,', parts),
    ...reporter(),
    '## When',
    '',
    `- Became aware of it: ${incident.aware}`,
    `- If this is sent more than 72 hours later, reasons for the delay: ${gap('reasons, or "not applicable"')}`,
    '',
    '## (a) Nature of the breach',
    ...whatHappened(parts),
    `- Kind of breach: ${gap('of confidentiality, integrity or availability')}`,
    `- Kinds of personal data that the output guard found: ${counts(facts.personalData, 'none on record')}`,
    `- Secrets that the output guard found: ${counts(facts.secrets, 'none on record')}`,
    `- Persons behind keys in these records: ${number}. These used the gateway; whose data was in the texts the log does not know.`,
    `- Categories of data subjects: ${gap('customers, employees, patients …')}`,
    `- Approximate number of data subjects: ${gap('number')}`,
    `- Categories and approximate number of personal data records: ${gap('categories and number')}`,
    '',
    '## (b) Contact',
    '',
    gap('name and contact details of the data protection officer'),
    '',
    '## (c) Likely consequences',
    '',
    gap('likely consequences for the data subjects, and whether the risk is high (article 34)'),
    '',
    '## (d) Measures taken or proposed',
    ...measures(parts),
    gap('measures outside the gateway, and those that mitigate effects on data subjects'),
    '',
  ]
}

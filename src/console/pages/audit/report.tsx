/** A report of a period, and the records themselves as a file. */
import { useState } from 'preact/hooks'
import { getText, queryOf } from '../../api/client.ts'
import { Problem, Section } from '../../parts/basics.tsx'
import { Form, SelectField } from '../../parts/fields.tsx'
import { useAction } from '../../parts/load.ts'
import { t } from '../../texts/texts.ts'

const periods = ['24h', '7d', '30d', '90d', '365d']
const formats = ['jsonl', 'csv', 'cef', 'ecs'] as const

/** The part of the page. */
export function ReportSection() {
  const [since, setSince] = useState('7d')
  const [format, setFormat] = useState<string>(formats[0])
  const [report, setReport] = useState('')
  const { isBusy, problem, run } = useAction()
  const read = () => run(async () => setReport(await getText(`/admin/v1/audit/report${queryOf({ since })}`)))
  return (
    <Section title="report.title">
      <Form label="report.title" onSubmit={() => void read()}>
        <SelectField
          label="usage.since"
          value={since}
          options={periods.map((period) => [period, period])}
          onChange={setSince}
        />
        <div class="actions">
          <button type="submit" disabled={isBusy}>
            {t('report.read')}
          </button>
        </div>
        <SelectField
          label="report.format"
          value={format}
          options={formats.map((each) => [each, each])}
          onChange={setFormat}
        />
        <div class="actions">
          <a class="button" href={`/admin/v1/audit/export${queryOf({ format, since })}`} download="">
            {t('report.export')}
          </a>
        </div>
      </Form>
      <Problem error={problem} />
      {report !== '' && <pre class="text">{report}</pre>}
    </Section>
  )
}

/** A strict reader of OpenMetrics 1.0.0: throws at whatever the specification does not allow. */

export interface Exemplar {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
  /** Seconds since the epoch. */
  readonly timestamp: number | undefined
}

export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
  readonly exemplar: Exemplar | undefined
}

export interface Family {
  readonly name: string
  type: string
  unit?: string
  help?: string
  readonly samples: Sample[]
}

/** Of the types that we have. */
const suffixes: Readonly<Record<string, readonly string[]>> = {
  counter: ['_total'],
  gauge: [''],
  histogram: ['_bucket', '_count', '_sum'],
}
const nameForm = '[a-zA-Z_:][a-zA-Z0-9_:]*'
const escapedForm = '(?:[^\\n\\\\"]|\\\\[n\\\\"])*'
const labelsForm = `\\{(?:[a-zA-Z_]\\w*="${escapedForm}"(?:,(?=[a-zA-Z_])|(?=\\})))*\\}`
const realForm = '[+-]?(?:\\d+(?:\\.\\d*)?|\\.\\d+)(?:[eE][+-]?\\d+)?'
const numberForm = `(?:${realForm}|[+-]?(?:[iI]nf|[iI]nfinity)|[nN]a[nN])`
const sampleForm = new RegExp(
  `^(${nameForm})(${labelsForm})? (${numberForm})(?: # (${labelsForm}) (${numberForm})(?: (${realForm}))?)?$`,
)
const descriptorForm = new RegExp(`^# (TYPE|UNIT|HELP) (${nameForm}) (${escapedForm})$`)

/** @throws Error with the line that is wrong */
export function parseOpenMetrics(text: string): readonly Family[] {
  const lines = text.split('\n')
  need(lines.pop() === '' && lines.pop() === '# EOF', 'it must end with `# EOF` and a line feed')
  const families = new Map<string, Family>()
  let family: Family | undefined
  for (const line of lines) {
    const [, what, name = '', rest = ''] = descriptorForm.exec(line) ?? []
    if (what !== undefined) {
      if (family?.name !== name) {
        need(!families.has(name), `a family comes twice: ${line}`)
        family = { name, type: 'unknown', samples: [] }
        families.set(name, family)
      }
      describe(family, what, rest, line)
    } else {
      need(family !== undefined, `a sample without a family: ${line}`)
      family?.samples.push(parseSample(line, family))
    }
  }
  const all = [...families.values()]
  for (const each of all) checkFamily(each)
  const names = all.flatMap(({ name, type }) => (suffixes[type] ?? []).map((suffix) => name + suffix))
  need(new Set(names).size === names.length, 'two families have samples of one name')
  return all
}

function need(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(otherwise)
}

function describe(family: Family, what: string, rest: string, line: string): void {
  need(family.samples.length === 0, `it stands behind samples: ${line}`)
  if (what === 'TYPE') {
    need(family.type === 'unknown' && rest in suffixes, `no type, or a second one: ${line}`)
    family.type = rest
  } else if (what === 'UNIT') {
    need(family.unit === undefined && family.name.endsWith(`_${rest}`), `no unit of this family: ${line}`)
    family.unit = rest
  } else {
    need(family.help === undefined, `a second help: ${line}`)
    family.help = rest
  }
}

function parseSample(line: string, { name: family, type }: Family): Sample {
  const [, name = '', labels, value = '', theirs, exemplarValue, timestamp] = sampleForm.exec(line) ?? []
  need(name !== '', `no sample: ${line}`)
  need(
    (suffixes[type] ?? []).some((suffix) => name === family + suffix),
    `of another family: ${line}`,
  )
  const exemplar =
    theirs === undefined
      ? undefined
      : {
          labels: parseLabels(theirs),
          value: Number(exemplarValue),
          timestamp: timestamp === undefined ? undefined : Number(timestamp),
        }
  if (exemplar) {
    need(/_(?:bucket|total)$/.test(name), `an exemplar in the wrong place: ${line}`)
    const length = [...Object.entries(exemplar.labels).flat().join('')].length
    need(length <= 128, `an exemplar that is too long: ${line}`)
  }
  return { name, labels: parseLabels(labels ?? ''), value: numberOf(value), exemplar }
}

function parseLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {}
  for (const [, name = '', value = ''] of text.matchAll(new RegExp(`(\\w+)="(${escapedForm})"`, 'g'))) {
    need(!(name in labels) && !name.startsWith('__'), `a label that must not be: ${text}`)
    labels[name] = value.replaceAll(/\\(.)/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped))
  }
  return labels
}

function numberOf(text: string): number {
  return /inf/i.test(text)
    ? text.startsWith('-')
      ? Number.NEGATIVE_INFINITY
      : Number.POSITIVE_INFINITY
    : Number(text)
}

function checkFamily({ name, type, samples }: Family): void {
  const seen = samples.map((sample) => sample.name + JSON.stringify(sample.labels))
  need(new Set(seen).size === seen.length, `${name} has a sample twice`)
  if (type === 'counter')
    need(
      samples.every(({ value }) => value >= 0),
      `${name} is less than nothing`,
    )
  if (type === 'histogram') checkHistogram(name, samples)
}

/** Each metric's samples stand together: its buckets in order, cumulative, the last one unbounded. */
function checkHistogram(name: string, samples: readonly Sample[]): void {
  const metrics = new Map<string, Sample[]>()
  let before: string | undefined
  for (const sample of samples) {
    const { le: _, ...labels } = sample.labels
    const key = JSON.stringify(labels)
    need(key === before || !metrics.has(key), `${name}: ${key} is interrupted`)
    metrics.set(key, [...(metrics.get(key) ?? []), sample])
    before = key
  }
  for (const [key, own] of metrics) {
    const buckets = own.filter((sample) => sample.name.endsWith('_bucket'))
    const bounds = buckets.map(({ labels }) => numberOf(labels.le ?? ''))
    const count = own.find((sample) => sample.name.endsWith('_count'))?.value
    need(
      bounds.at(-1) === Number.POSITIVE_INFINITY && buckets.at(-1)?.value === count,
      `${name}${key}: no end`,
    )
    need(own.length === buckets.length + 2, `${name}${key}: sum or count is not there`)
    for (const [index, { value, exemplar }] of buckets.entries()) {
      const [lower = Number.NEGATIVE_INFINITY, upper = 0] = [bounds[index - 1], bounds[index]]
      need(lower < upper && (buckets[index - 1]?.value ?? 0) <= value, `${name}${key}: not in order`)
      need(
        !exemplar || (lower < exemplar.value && exemplar.value <= upper),
        `${name}${key}: not its exemplar`,
      )
    }
  }
}

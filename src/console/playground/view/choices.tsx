/** The channel of the text, and the thresholds of the verdict. */
import { type Channel, channels, type Severity, severities } from '../../../core/text.ts'
import type { Thresholds } from '../../../detect/injection/verdict.ts'
import type { Words } from '../words/words.ts'
import type { Entered } from './entered.ts'

interface Props {
  readonly words: Words
  readonly entered: Entered
  readonly onEnter: (entered: Entered) => void
  readonly thresholds: Thresholds
  readonly onThresholds: (thresholds: Thresholds) => void
}

const commonestFirst: readonly Channel[] = ['user', 'system', 'tool', 'document', 'definition', 'assistant']

/** The fields. */
export function Choices({ words, entered, onEnter, thresholds, onThresholds }: Props) {
  return (
    <div class="choices">
      <label class="wide">
        <span>{words.input.channel}</span>
        <select
          value={entered.channel}
          onChange={({ currentTarget }) =>
            onEnter({ ...entered, channel: chosen(channels, currentTarget.value, 'user') })
          }
        >
          {commonestFirst.map((each) => (
            <option key={each} value={each}>
              {words.channels[each]}
            </option>
          ))}
        </select>
      </label>
      {(['flag', 'block'] as const).map((action) => (
        <label key={action}>
          <span>{words.input[action]}</span>
          <select
            value={thresholds[action]}
            onChange={({ currentTarget }) =>
              onThresholds({ ...thresholds, [action]: chosen(severities, currentTarget.value, 'high') })
            }
          >
            {severities.map((each: Severity) => (
              <option key={each} value={each}>
                {words.severities[each]}
              </option>
            ))}
          </select>
        </label>
      ))}
    </div>
  )
}

function chosen<T extends string>(all: readonly T[], value: string, otherwise: T): T {
  return all.find((each) => each === value) ?? otherwise
}

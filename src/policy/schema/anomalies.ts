/** The `anomalies` section: what happens when a key or a model does what it usually does not. */
import Type from 'typebox'
import { choice, duration, optional, section } from './types.ts'
import { webhook } from './webhook.ts'

/** The schema of `anomalies`. */
export const anomalies = section('Baselines of each key and each model, and alarms when they are left.', {
  mode: choice(
    ['off', 'observe', 'alert', 'freeze'],
    'alert',
    'What happens to an anomaly. `observe`: a record in the audit log, a metric, and `torwart anomalies`. `alert`: also a warning in the log and the webhook. `freeze`: also freezes the key for a time.',
  ),
  perWeek: Type.Number({
    minimum: 0.01,
    maximum: 1000,
    wanted: 'a number from 0.01 to 1000',
    description: 'Budget of false alarms a week, for all keys and models together. Less means later alarms.',
    default: 1,
  }),
  webhook: optional(webhook('Receives a signed notification when an anomaly begins and when it is over.')),
  freezeFor: duration('How long `mode: freeze` freezes a key.', '1h', { min: '1m', max: '7d' }),
})

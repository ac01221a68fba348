/** What happens to anomalies, from what the policy file says. */
import { parseDuration } from '../core/units.ts'
import type { AnomalySettings } from './notifications.ts'
import type { Config } from './schema/schema.ts'
import type { Report } from './source.ts'
import { checkWebhook } from './webhook-fault.ts'

/** Compiles `anomalies`. Reports a webhook that is not safe to call. */
export function compileAnomalies({ anomalies }: Config, report: Report): AnomalySettings {
  const { mode, perWeek, webhook, freezeFor } = anomalies
  checkWebhook(webhook, ['anomalies', 'webhook'], report)
  return { mode, perWeek, webhook, freezeForMs: parseDuration(freezeFor) ?? 0 }
}

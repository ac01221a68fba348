/** Measures about noticing what is unusual. */
import { builtIn, type Extent, type Measure, setting, whether } from '../measure.ts'

const worth: Readonly<Record<'off' | 'observe' | 'alert' | 'freeze', Extent>> = {
  off: 'not',
  observe: 'partly',
  alert: 'met',
  freeze: 'met',
}

/** What is unusual is told. */
export const anomaliesWatched: Measure = {
  what: {
    en: 'What a key or model does not usually do raises an alarm',
    de: 'Was ein Schlüssel oder Modell sonst nicht tut, löst einen Alarm aus',
  },
  proof: 'torwart anomalies',
  traces: ['anomaly'],
  judge: ({ policy: { anomalies } }) => [setting('anomalies.mode', anomalies.mode, worth[anomalies.mode])],
}

/** Alarms reach people. */
export const alarmsSent: Measure = {
  what: {
    en: 'Alarms are sent to people, by a signed webhook',
    de: 'Alarme gehen über einen signierten Webhook an Menschen',
  },
  proof: 'torwart check',
  traces: ['anomaly'],
  judge: ({ policy: { anomalies } }) => [
    setting(
      'anomalies.webhook',
      anomalies.webhook === undefined ? 'absent' : 'set',
      whether(anomalies.webhook !== undefined && worth[anomalies.mode] === 'met'),
    ),
  ],
}

/** Incidents have a file, clocks and drafts. */
export const incidentsTracked: Measure = {
  what: {
    en: 'An incident has a file: a freeze, a signed log, clocks, drafts of reports and a bundle to verify',
    de: 'Ein Vorfall hat eine Akte: Sperre, signiertes Log, Fristen, Berichtsentwürfe und prüfbares Paket',
  },
  proof: 'torwart incident list',
  traces: ['incident'],
  judge: builtIn('torwart incident'),
}

/**
 * How often a gateway looks at what nothing tells it of, in milliseconds. These are no settings of a policy; tests hand in
 * shorter ones, so that they wait for what happens and not for a timer.
 */
export interface Intervals {
  /** Between two looks at the files of policy and keys: whoever changes one waits for it. */
  readonly filesMs: number
  /** Between two looks at certificates. */
  readonly tlsFilesMs: number
  /** Between two looks at the file of freezes, and at Redis for those of other gateways. */
  readonly freezesMs: number
  /** Between two looks at the keys in Redis. */
  readonly sharedKeysMs: number
  /** At least, between two fetches of an issuer's keys. */
  readonly issuerKeysMs: number
  /** At least, between two looks at a file that holds an issuer's key. */
  readonly issuerKeyFileMs: number
  /** Between two tries to put on record what was changed by command. */
  readonly changeRecordMs: number
  /** Between two writes of newly pinned tool definitions, and two looks at their file. */
  readonly toolPinsMs: number
  /** Between two looks at the versions of models, where they are compared with the lock file. */
  readonly modelsMs: number
  /** For which spans wait for others before they are sent to a collector. */
  readonly otlpSpansMs: number
  /** Between two exports of metrics to a collector. */
  readonly otlpMetricsMs: number
  /** Between two looks of the watch for anomalies, and two messages of a worker to it. */
  readonly anomaliesMs: number
  /** Between two saves of what that has learned. */
  readonly anomaliesSaveMs: number
}

/** The intervals of a gateway that is given no others. */
export const standardIntervals: Intervals = {
  filesMs: 500,
  tlsFilesMs: 1000,
  freezesMs: 400,
  sharedKeysMs: 1000,
  issuerKeysMs: 2000,
  issuerKeyFileMs: 1000,
  changeRecordMs: 5000,
  toolPinsMs: 1000,
  modelsMs: 5000,
  otlpSpansMs: 5000,
  otlpMetricsMs: 60_000,
  anomaliesMs: 1000,
  anomaliesSaveMs: 60_000,
}

/** What is known of a request that is passed through unread. */

/** A request that is to be passed through. Its bytes are counted while they pass. */
export interface PassedThrough {
  readonly method: string
  /** As the model server gets it, without a query. */
  readonly path: string
  bytesIn: number
  bytesOut: number
}

/** Paths of the data listener that belong to no dialect. */

/** Of the health checks. */
export const healthPaths = ['/health', '/healthz'] as const
/** Below which the gateway's own routes are. */
export const ownPrefix = '/torwart'

/** How Redis is reached: what the policy says, and what connections are made from. */
export interface RedisServers {
  /** `redis://` or `rediss://`: of the server, of sentinels, or of nodes of a cluster. */
  readonly urls: readonly [string, ...string[]]
  readonly kind: 'single' | 'sentinel' | 'cluster'
  /** The name under which sentinels know the server. */
  readonly master: string
  readonly sentinelPassword: string | undefined
  /** A file with the CAs that are trusted, PEM. */
  readonly ca: string | undefined
  /** Every key begins with `{prefix}:`, which in a cluster puts all of them on one node, where a script may use them. */
  readonly prefix: string
}

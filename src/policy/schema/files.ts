/** Default file names, kept apart from the schema because the schema takes half a second of CPU to load. */
export const defaultKeysFile = 'keys.yaml'
/** The default of `audit.file`, relative to the policy file. */
export const defaultAuditFile = 'data/audit.jsonl'
/** The default of `models.lock`, relative to the policy file. */
export const defaultLockFile = 'models.lock.yaml'
/** The default of `models.signing`, relative to the policy file. */
export const defaultSigningKey = 'models.signing.key'

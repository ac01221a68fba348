/** Defaults that commands need without the rest of the schema, which takes half a second of CPU to load. */
export const defaultKeysFile = 'keys.yaml'
export const defaultAuditFile = 'data/audit.jsonl'

/** What a backup says of itself: each file with where it belongs, its permissions and its SHA-256. */
import { isAbsolute, normalize } from 'node:path'
import Type, { type Static } from 'typebox'
import Value from 'typebox/value'
import { tryJson } from '../core/json.ts'

/** The file with the manifest. */
export const manifestName = 'manifest.json'
/** The Ed25519 signature of the manifest with the key of the audit log. */
export const manifestSignature = 'manifest.sig'

const path = Type.String({ minLength: 1, maxLength: 4096 })
const maxFiles = 100_000

const schema = Type.Object(
  {
    version: Type.Literal(1),
    /** RFC 3339. */
    made: Type.String({ maxLength: 40 }),
    by: Type.String({ maxLength: 512 }),
    /** Of the machine. */
    node: Type.String({ maxLength: 512 }),
    withSecrets: Type.Boolean(),
    auditFile: path,
    files: Type.Array(
      Type.Object(
        {
          /** In the backup. */
          name: Type.String({ pattern: '^files/\\d{4,6}$' }),
          /** Where it belongs. */
          path,
          mode: Type.Integer({ minimum: 0, maximum: 0o777 }),
          bytes: Type.Integer({ minimum: 0 }),
          sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
        },
        { additionalProperties: false },
      ),
      { maxItems: maxFiles },
    ),
    /** What is wrong with the log in the backup, because it was wrong before; null: it verifies. */
    problem: Type.Union([Type.String({ maxLength: 4096 }), Type.Null()]),
    /** Files that hold secrets and were left out. */
    leftOut: Type.Array(path),
  },
  { additionalProperties: false },
)

/** The manifest of a backup. */
export type BackupManifest = Static<typeof schema>
/** A file of a backup. */
export type BackupFile = BackupManifest['files'][number]

/** Reads a manifest. @throws TypeError if the text is none, or names a path that is not absolute or not plain */
export function readManifest(text: string): BackupManifest {
  const value = tryJson(text)
  if (!Value.Check(schema, value)) throw new TypeError(`${manifestName} is not the manifest of a backup`)
  for (const each of [value.auditFile, ...value.files.map((file) => file.path)])
    if (!isAbsolute(each) || normalize(each) !== each)
      throw new TypeError(`${manifestName} names a path that cannot be restored`)
  const paths = value.files.map((file) => file.path)
  if (new Set(paths).size !== paths.length) throw new TypeError(`${manifestName} names a path twice`)
  return value
}

/** Every command: a new one is a file and a line here. */
import { auditErase } from './audit-erase.ts'
import { auditExport } from './audit-export.ts'
import { auditReport } from './audit-report.ts'
import { auditShow } from './audit-show.ts'
import { auditVerify } from './audit-verify.ts'
import { breakerClose } from './breaker-close.ts'
import { check } from './check.ts'
import type { Command } from './command.ts'
import { demo } from './demo.ts'
import { freeze } from './freeze.ts'
import { freezes } from './freezes.ts'
import { keyCreate } from './key-create.ts'
import { keyList } from './key-list.ts'
import { keyRevoke } from './key-revoke.ts'
import { keyRotate } from './key-rotate.ts'
import { mask } from './mask.ts'
import { scan } from './scan.ts'
import { schema } from './schema.ts'
import { serve } from './serve.ts'
import { unfreeze } from './unfreeze.ts'

export const commands: readonly Command[] = [
  serve,
  check,
  schema,
  keyCreate,
  keyList,
  keyRotate,
  keyRevoke,
  freeze,
  unfreeze,
  freezes,
  breakerClose,
  scan,
  mask,
  auditVerify,
  auditShow,
  auditExport,
  auditReport,
  auditErase,
  demo,
]

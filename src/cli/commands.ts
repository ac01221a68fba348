/** Every command: a new one is a file and a line here. */
import { access } from './access.ts'
import { approvals } from './approvals.ts'
import { approve } from './approve.ts'
import { auditErase } from './audit-erase.ts'
import { auditExport } from './audit-export.ts'
import { auditReport } from './audit-report.ts'
import { auditShow } from './audit-show.ts'
import { auditVerify } from './audit-verify.ts'
import { breakerClose } from './breaker-close.ts'
import { check } from './check.ts'
import type { Command } from './command.ts'
import { connect } from './connect.ts'
import { demo } from './demo.ts'
import { deny } from './deny.ts'
import { explain } from './explain.ts'
import { freeze } from './freeze.ts'
import { freezes } from './freezes.ts'
import { keyCreate } from './key-create.ts'
import { keyList } from './key-list.ts'
import { keyRotate } from './key-rotate.ts'
import { keyDisable, keyEnable, keyRevoke } from './key-status.ts'
import { mask } from './mask.ts'
import { scan } from './scan.ts'
import { schema } from './schema.ts'
import { serve } from './serve.ts'
import { tokenMint } from './token-mint.ts'
import { tokenRevoke } from './token-revoke.ts'
import { tokenRotate } from './token-rotate.ts'
import { unfreeze } from './unfreeze.ts'

export const commands: readonly Command[] = [
  serve,
  check,
  access,
  explain,
  connect,
  schema,
  keyCreate,
  keyList,
  keyRotate,
  keyRevoke,
  keyDisable,
  keyEnable,
  tokenMint,
  tokenRevoke,
  tokenRotate,
  freeze,
  unfreeze,
  freezes,
  breakerClose,
  approvals,
  approve,
  deny,
  scan,
  mask,
  auditVerify,
  auditShow,
  auditExport,
  auditReport,
  auditErase,
  demo,
]

/** The same as `audit-crashes.test.ts`, many times over (`rig/effort.ts`). */
import './audit-crashes.test.ts'

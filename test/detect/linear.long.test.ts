/** The same as `linear.test.ts`, many times over (`rig/effort.ts`). */
import './linear.test.ts'

/** The same as `program.test.ts`, many times over (`rig/effort.ts`). */
import './program.test.ts'

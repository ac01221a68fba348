/** The same as `answers.test.ts`, many times over (`rig/effort.ts`). */
import './answers.test.ts'

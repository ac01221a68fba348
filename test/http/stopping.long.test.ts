/** The same as `stopping.test.ts`, many times over (`rig/effort.ts`). */
import './stopping.test.ts'

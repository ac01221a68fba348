/** The same as `requests.test.ts`, many times over (`rig/effort.ts`). */
import './requests.test.ts'

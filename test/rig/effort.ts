/** How often a test does what can be done once or many times. */
import { inject } from 'vitest'

declare module 'vitest' {
  interface ProvidedContext {
    /** Whether this is `npm run test:long`. */
    readonly isLong: boolean
  }
}

/** Returns `once` in `npm test`, which shows the behaviour, and `many` in `npm run test:long`, which looks for what is rare. */
export function effort(once: number, many: number): number {
  return inject('isLong') ? many : once
}

/** The shipped signature packs without their examples, which only prove them: made by the build (`vite.config.ts`). */
declare module 'torwart:packs' {
  export const packs: import('../../detect/scan-settings.ts').PackData
}

/** The shipped signature packs without their examples, which the build makes. */
declare module 'torwart:packs' {
  const data: import('../../detect/scan-settings.ts').PackData
  export default data
}

import { defineConfig } from 'vitest/config'

/** Each in a process of its own: they mock modules, or measure memory of the process. */
const alone = ['test/http/disk-full.test.ts', 'test/http/memory.test.ts']
/** Long by nature: `npm run test:long`. */
const long = 'test/**/*.long.test.ts'

// biome-ignore lint/style/noDefaultExport: vitest reads its configuration from a default export.
export default defineConfig({
  test: {
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // Some tests start servers and gates of their own; more at once than cores would only starve them.
    maxWorkers: 2,
    reporters: ['default', ['json', { outputFile: 'dist/test-report.json' }]],
    provide: { isLong: false },
    projects: [
      {
        extends: true,
        // The files of a worker share one process, so that it imports the gateway and compiles the packs once.
        test: { name: 'suite', include: ['test/**/*.test.ts'], exclude: [...alone, long], isolate: false },
      },
      { extends: true, test: { name: 'alone', include: alone } },
      {
        extends: true,
        test: {
          name: 'long',
          include: [long],
          isolate: false,
          provide: { isLong: true },
          testTimeout: 300_000,
        },
      },
    ],
    coverage: {
      include: ['src/**/*.ts'],
      // Runs in browsers.
      exclude: ['src/console/**'],
      reporter: ['text-summary', 'json-summary'],
      reportOnFailure: true,
      reportsDirectory: 'coverage',
      // Measured on 2026-11-30 (in per cent): statements 95.6, branches 90.2, functions 96.2, lines 97.1. Code that runs in
      // programs of its own, as the command line does in its tests, counts for nothing here.
      thresholds: { statements: 95, branches: 89.5, functions: 95.5, lines: 96.5 },
    },
  },
})

/**
 * Bundles the console and the playground, which run in the browser, into `dist-next/console/`. Every script and style is a
 * file of its own name and digest, because the content security policy of the console allows nothing inline.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { defineConfig, type Plugin } from 'vite'
import { licences } from './rolldown.config.ts'
import { type PackData, withoutExamples } from './src/detect/scan-settings.ts'

const root = join(import.meta.dirname, 'src/console')

/** The signature packs for the playground, as `npm run modules` has read them, without their examples. */
export function packs(): Plugin {
  const id = 'torwart:packs'
  return {
    name: 'packs',
    resolveId: (source) => (source === id ? `\0${id}` : null),
    load(resolved) {
      if (resolved !== `\0${id}`) return null
      const file = join(import.meta.dirname, 'dist-modules/detect/injection/packs/packs.json')
      const { words, packs } = JSON.parse(readFileSync(file, 'utf8')) as PackData
      return `export const packs = ${JSON.stringify({ words, packs: packs.map(withoutExamples) })}`
    },
  }
}

// biome-ignore lint/style/noDefaultExport: Vite reads its configuration from a default export.
export default defineConfig({
  root,
  base: '/console/',
  publicDir: false,
  plugins: [licences],
  worker: { plugins: () => [packs()] },
  build: {
    outDir: join(import.meta.dirname, 'dist-next/console'),
    emptyOutDir: true,
    target: 'es2023',
    sourcemap: false,
    // A data URL is inline, and what loads modules in advance would be an inline script in old browsers.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      input: {
        console: join(root, 'index.html'),
        playground: join(root, 'playground/index.html'),
      },
    },
  },
})

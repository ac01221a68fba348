/**
 * Bundles the console and the playground, which run in the browser, into `dist-next/console/`. Every script and style is a
 * file of its own name and digest, because the content security policy of the console allows nothing inline.
 */
import { join } from 'node:path'
import { defineConfig } from 'vite'
import { licences } from './rolldown.config.ts'

const root = join(import.meta.dirname, 'src/console')

// biome-ignore lint/style/noDefaultExport: Vite reads its configuration from a default export.
export default defineConfig({
  root,
  base: '/console/',
  publicDir: false,
  plugins: [licences],
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

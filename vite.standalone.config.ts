/**
 * Bundles the playground into one HTML file that works from disk: `dist-next/console/playground/standalone.html`, which
 * `torwart playground` copies. Its content security policy names the digests of its one script and its one style.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { defineConfig, type Plugin } from 'vite'
import { packs } from './vite.config.ts'

const folder = join(import.meta.dirname, 'src/console/playground')

/** Puts script and style into the page that the console has, and leaves no other file. */
const oneFile: Plugin = {
  name: 'one-file',
  enforce: 'post',
  generateBundle(_options, bundle) {
    let script = ''
    let style = ''
    for (const [name, output] of Object.entries(bundle)) {
      if (output.type === 'chunk') script = output.code
      else if (name.endsWith('.css')) style = String(output.source)
      delete bundle[name]
    }
    this.emitFile({
      type: 'asset',
      fileName: 'standalone.html',
      source: pageOf(safely(script.trim()), style.trim()),
    })
  },
}

/** In strings and patterns, the only places where they stand, this is the same. */
function safely(script: string): string {
  return script.replaceAll(/<(?=\/script|!--)/gi, '\\x3c')
}

function pageOf(script: string, style: string): string {
  if (/<\/style/i.test(style)) throw new Error('the page would end early')
  const policy = [
    "default-src 'none'",
    `script-src ${digest(script)}`,
    `style-src ${digest(style)}`,
    'worker-src blob:',
    "connect-src 'none'",
    "form-action 'none'",
    "base-uri 'none'",
  ].join('; ')
  const [head = '', behind = ''] = readFileSync(join(folder, 'index.html'), 'utf8').split(own)
  return head
    .replace('<meta charset="utf-8">', (meta) => `${meta}\n    ${metaOf(policy)}`)
    .replace('</head>', () => `  <style>${style}</style>\n  </head>`)
    .concat(`<script type="module">${script}</script>`, behind)
}

/** What loads the script of the console's variant. */
const own = '<script type="module" src="./main.ts"></script>'

function metaOf(policy: string): string {
  return `<meta http-equiv="Content-Security-Policy" content="${policy}">`
}

function digest(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`
}

// biome-ignore lint/style/noDefaultExport: Vite reads its configuration from a default export.
export default defineConfig({
  root: folder,
  publicDir: false,
  plugins: [oneFile],
  worker: { plugins: () => [packs()] },
  build: {
    outDir: join(import.meta.dirname, 'dist-next/console/playground'),
    emptyOutDir: false,
    target: 'es2023',
    sourcemap: false,
    rolldownOptions: {
      input: join(folder, 'standalone.ts'),
      output: { format: 'es', codeSplitting: false },
    },
  },
})

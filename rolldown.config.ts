/**
 * Bundles the compiled modules and every package they use into `dist-next/`. One file a command instead of two thousand to
 * find and read halves the CPU time of a start. Nothing is minified, so that stack traces can be read.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { defineConfig, type Plugin } from 'rolldown'

const modules = join(import.meta.dirname, 'dist-modules')

/** All files are written side by side, so a module's own address, by which it finds its data, is put back. */
const ownAddress: Plugin = {
  name: 'own-address',
  transform(code, id) {
    if (!id.startsWith(modules + sep)) return null
    const own = `new URL(${JSON.stringify(relative(modules, id))}, import.meta.url).href`
    return { code: code.replaceAll('import.meta.url', own), map: null }
  },
}

/** Signature packs, scripts for Redis and texts of the reference, where their modules look for them. */
const data: Plugin = {
  name: 'data',
  generateBundle() {
    for (const entry of readdirSync(modules, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || entry.name.endsWith('.js')) continue
      const path = join(entry.parentPath, entry.name)
      this.emitFile({ type: 'asset', fileName: relative(modules, path), source: readFileSync(path) })
    }
  },
}

/**
 * The licences of the packages whose code is in a bundle, which most of them ask to go with copies. The console is bundled
 * with it, too.
 */
export const licences: Plugin = {
  name: 'licences',
  generateBundle(_options, bundle) {
    const folders = new Set<string>()
    for (const output of Object.values(bundle))
      for (const id of output.type === 'chunk' ? output.moduleIds : []) {
        const folder = /^.*[\\/]node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+/.exec(id)?.[0]
        if (folder !== undefined) folders.add(folder)
      }
    this.emitFile({
      type: 'asset',
      fileName: 'THIRD-PARTY.txt',
      source: [...folders].sort().map(licence).join('\n\n'),
    })
  },
}

function licence(folder: string): string {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    name: string
    version: string
    license?: string
  }
  const texts = readdirSync(folder)
    .filter((file) => /^(licen[cs]e|copying|notice)/i.test(file))
    .map((file) => readFileSync(join(folder, file), 'utf8').trim())
  return [`${name} ${version} (${license ?? 'see below'})`, ...texts].join('\n\n')
}

// biome-ignore lint/style/noDefaultExport: rolldown reads its configuration from a default export.
export default defineConfig({
  input: { main: join(modules, 'main.js') },
  platform: 'node',
  // Of the CycloneDX library an optional package, which writes XML with it and does without; of sketches-js one that it loads
  // only for a form of its sketches that is not used here.
  external: ['xmlbuilder2', 'protobufjs/minimal'],
  plugins: [ownAddress, data, licences],
  output: {
    dir: join(import.meta.dirname, 'dist-next'),
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: '[name].js',
    minify: false,
  },
  // What cannot be found would only be missed when it is needed.
  onLog(level, log, report) {
    report(level === 'warn' ? 'error' : level, log)
  },
})

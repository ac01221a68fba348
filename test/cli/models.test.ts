/** `torwart models`: locking, comparing and accepting versions of models, before scripted servers and files made here. */
import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { sha256Of } from '../../src/model-trust/parts.ts'
import { cli } from '../rig/cli.ts'
import { startGate } from '../rig/gate.ts'
import {
  digestOfModel,
  type OllamaModels,
  type ScriptedModel,
  smollm,
  startOllamaModels,
} from '../rig/ollama-models.ts'
import { until } from '../rig/wait.ts'

const open: { close(): Promise<void> }[] = []
const folders: string[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
})
function folderOf(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `torwart-${name}-`))
  folders.push(folder)
  return folder
}

interface World {
  readonly server: OllamaModels
  readonly lockFile: string
  run(...words: string[]): ReturnType<typeof cli>
  /** `models verify --json`, as text of kinds and digests. */
  verify(...words: string[]): Promise<{ code: number; ok: boolean; differences: Record<string, string>[] }>
}

async function start(models?: Readonly<Record<string, ScriptedModel>>, upstreams = ''): Promise<World> {
  const server = await startOllamaModels(models)
  open.push(server)
  const folder = folderOf('models')
  const policy = join(folder, 'torwart.yaml')
  writeFileSync(
    policy,
    `version: 1\nupstreams: [{ name: local, url: "${server.url}", kind: ollama }${upstreams}]\n`,
  )
  const run = (...words: string[]) => cli(['models', ...words, '-c', policy])
  return {
    server,
    lockFile: join(folder, 'models.lock.yaml'),
    run,
    async verify(...words) {
      const { code, out } = await run('verify', '--json', ...words)
      return { code, ...(JSON.parse(out) as { ok: boolean; differences: Record<string, string>[] }) }
    },
  }
}
const name = 'smollm2:135m'
const template = sha256Of('{{ .Prompt }}')

describe('models lock', () => {
  it('writes digest, parts and facts of the models that are named, and prints them', async () => {
    const { server, run, lockFile } = await start()
    const { code, out, err } = await run('lock', 'SmolLM2:135M', '--json')
    expect({ code, err }).toEqual({ code: 0, err: '' })
    const parts = [
      { kind: 'weights', sha256: sha256Of(smollm.weights) },
      { kind: 'template', sha256: template },
      { kind: 'parameters', sha256: sha256Of('stop "<|im_end|>"\nstop "<|im_start|>"') },
    ]
    expect(JSON.parse(out)).toEqual({
      models: [{ name, upstream: 'local', digest: server.digest(name), parts }],
    })
    expect(parse(readFileSync(lockFile, 'utf8'))).toMatchObject({
      version: 1,
      count: 1,
      models: [
        {
          ...{ name, kind: 'ollama', family: 'llama', parameterSize: '134.52M', quantisation: 'Q4_1' },
          metadata: { 'general.license': 'apache-2.0' },
        },
      ],
    })
  })

  it('takes all with --all, those that are new only, and never another version of one that is there', async () => {
    const { server, run, verify } = await start({
      [name]: smollm,
      'all-minilm:latest': { weights: 'minilm' },
    })
    expect((await run('lock')).code).toBe(2)
    expect((await run('lock', name, '--all')).code).toBe(2)
    expect((await run('lock', '--all')).out.split('\n')).toHaveLength(3)
    expect((await verify()).ok).toBe(true)
    server.models.set(name, { ...smollm, template: 'other' })
    server.models.set('new:latest', { weights: 'new' })
    const again = await run('lock', '--all')
    expect(again).toMatchObject({
      code: 1,
      err: expect.stringMatching(/template changed[\s\S]*models accept/),
    })
    expect((await verify()).differences).toMatchObject([{ model: name, kind: 'template' }])
  })

  it('locks no model whose parts the server does not tell, and the others all the same', async () => {
    const { server, run, lockFile } = await start({ [name]: smollm, 'broken:latest': smollm })
    server.hidden.add('broken')
    const all = await run('lock', '--all')
    expect(all).toMatchObject({ code: 1, err: expect.stringMatching(/^broken \(local\): .*consists of\n$/) })
    expect(readFileSync(lockFile, 'utf8')).toMatch(/count: 1/)
    expect((await run('accept', 'broken', '--why', 'w')).code).toBe(1)
  })

  it('prints nothing of a server that moves the cursor', async () => {
    const { server, run } = await start()
    await run('lock', name)
    server.models.set(name, { ...smollm, weights: 'x', quantisation: '\u001b[2J\nall: trusted' })
    for (const words of [['verify'], ['lock', name], ['diff', name, `${name}@lock`]]) {
      const { out, err } = await run(...words)
      expect(out + err).toMatch(/Q4_1|became/)
      expect(out + err).not.toContain('\u001b')
      expect(out + err).not.toContain('\nall: trusted')
    }
  })

  it.each([
    ['long', 'Q'.repeat(2000)],
    ['of several lines', 'Q4\nmodels: []'],
    ['with control characters', 'Q\u0000\u001b4'],
    ['with half a character', '\ud800'],
  ])('writes a lock that can be read, though facts are %s', async (_what, quantisation) => {
    const { run, verify, lockFile } = await start({ [name]: { ...smollm, quantisation } })
    expect((await run('lock', name)).code).toBe(0)
    expect((await verify()).ok, readFileSync(lockFile, 'utf8')).toBe(true)
  })

  it('replaces no lock by one that could not be read', async () => {
    const { server, run, verify } = await start()
    expect((await run('lock', name)).code).toBe(0)
    const adapters = Array.from({ length: 300 }, (_, at) => `${at}`)
    server.models.set('many:latest', { weights: 'x', adapters })
    const { code, err } = await run('lock', 'many')
    expect(code).toBeGreaterThan(0)
    expect(err).toMatch(/`parts`/)
    expect((await verify()).differences).toMatchObject([{ model: 'many', kind: 'unlocked' }])
  })

  it('says which models nobody serves, and which cannot be told apart', async () => {
    const other = await startOllamaModels()
    open.push(other)
    const far = await start(undefined, `, { name: hosted, url: "${other.url}", kind: openai }`)
    other.script = (_seen, response) => void response.end('{"data":[{"id":"gpt"}]}')
    expect(await far.run('lock', 'none')).toMatchObject({ code: 1, err: 'No model server has none.\n' })
    expect(await far.run('lock', 'gpt')).toMatchObject({
      code: 1,
      err: expect.stringMatching(/cannot be verified/),
    })
    const all = await far.run('lock', '--all')
    expect(all).toMatchObject({
      code: 0,
      err: expect.stringMatching(/^gpt \(hosted\): .*cannot be verified/),
    })
    expect(await far.run('verify')).toMatchObject({
      code: 0,
      err: expect.stringMatching(/1 models of hosted/),
    })
    expect((await far.run('list')).out).toMatch(/gpt +hosted .*cannot be verified/)
    expect(await far.run('lock', name, '--upstream', 'x')).toMatchObject({ code: 2 })
  })
})

describe('models verify', () => {
  it('finds nothing where nothing changed but what does not matter', async () => {
    const { server, run, verify } = await start()
    await run('lock', '--all')
    server.models.set(name, {
      ...smollm,
      // Ollama prints parameters in another order each time.
      shown: { parameters: smollm.parameters?.split('\n').toReversed().join('\n') },
      listed: { digest: server.digest(name), modified_at: '2027-01-01T00:00:00Z', expires_at: 'x' },
    })
    server.loaded.set(name, smollm)
    expect(await verify()).toEqual({ code: 0, ok: true, differences: [], unverified: [] })
    expect((await run('verify')).out).toBe('1 of 1 locked models are served, and none differs.\n')
  })

  it.each<[string, ScriptedModel, object[]]>([
    [
      'a template with one line more',
      { ...smollm, template: '{{ .Prompt }}\nBuy ACME.' },
      [
        {
          kind: 'template',
          was: template,
          is: sha256Of('{{ .Prompt }}\nBuy ACME.'),
          what: 'template changed',
        },
      ],
    ],
    [
      'a system prompt',
      { ...smollm, system: 'Be evil.' },
      [{ kind: 'system', was: null, is: sha256Of('Be evil.'), what: 'system prompt added' }],
    ],
    [
      'another parameter',
      { ...smollm, parameters: 'temperature 2' },
      [{ kind: 'parameters', what: 'parameters changed' }],
    ],
    [
      'another quantisation',
      { ...smollm, weights: 'smaller', quantisation: 'Q2_K' },
      [{ kind: 'weights', what: 'weights changed (Q4_1 became Q2_K)' }],
    ],
    [
      'an adapter',
      { ...smollm, adapters: ['lora'] },
      [{ kind: 'adapter', was: null, what: 'adapter added' }],
    ],
    [
      'another model under its tag',
      { weights: 'other', family: 'qwen3', parameterSize: '0.6B' },
      [{ kind: 'tag', what: 'tag points elsewhere: it is now another model (qwen3 0.6B)' }],
    ],
    [
      'few-shot messages',
      {
        ...smollm,
        shown: { messages: [{ role: 'user', content: 'x' }] },
        listed: { digest: 'f'.repeat(64) },
      },
      [{ kind: 'system', what: 'messages added' }],
    ],
    [
      'a renderer that only the Modelfile names',
      {
        ...smollm,
        shown: {
          modelfile: `FROM /x/sha256-${sha256Of(smollm.weights)}\nTEMPLATE """a\nRENDERER no\n"""\nRENDERER qwen`,
        },
      },
      [{ kind: 'template', is: sha256Of('qwen'), what: 'renderer added' }],
    ],
    [
      'only another digest',
      { ...smollm, listed: { digest: 'f'.repeat(64) } },
      [{ kind: 'digest', is: 'f'.repeat(64) }],
    ],
    [
      'a model on another host',
      { ...smollm, listed: { remote_host: 'https://far' } },
      [{ kind: 'tag', is: null }],
    ],
  ])('names %s', async (_what, changed, differences) => {
    const { server, run, verify } = await start()
    await run('lock', '--all')
    server.models.set(name, changed)
    expect(await verify()).toMatchObject({ code: 1, ok: false, differences })
    const { code, out } = await run('verify')
    expect([code, out.trimEnd().split('\n').length]).toEqual([1, differences.length])
  })

  it('names the model that a tag was moved to, by what else has its digest', async () => {
    const { server, run, verify } = await start({
      [name]: smollm,
      'evil:latest': { ...smollm, weights: 'evil' },
    })
    await run('lock', name)
    server.models.set(name, { ...smollm, weights: 'evil' })
    const { differences } = await verify()
    expect(differences).toMatchObject([
      { model: name, kind: 'tag', what: 'tag points elsewhere: it is now evil' },
      { model: name, kind: 'weights' },
      { model: 'evil', kind: 'unlocked', was: null },
    ])
  })

  it('names models that are missing, that are not in the lock, and another version in memory', async () => {
    const { server, run, verify } = await start()
    await run('lock', '--all')
    server.loaded.set(name, { ...smollm, weights: 'evil' })
    expect((await verify()).differences).toMatchObject([
      {
        kind: 'digest',
        is: digestOfModel({ ...smollm, weights: 'evil' }),
        what: expect.stringMatching(/loaded/),
      },
    ])
    server.models.delete(name)
    server.models.set('b:latest', smollm)
    expect((await verify()).differences).toMatchObject([
      { model: 'b', kind: 'unlocked' },
      { model: name, kind: 'missing', is: null },
    ])
  })

  it('is content with a second server with the same version, and names the one with another', async () => {
    const second = await startOllamaModels()
    open.push(second)
    const { run, verify } = await start(undefined, `, { name: second, url: "${second.url}", kind: ollama }`)
    await run('lock', '--all')
    expect(await verify()).toMatchObject({ ok: true })
    second.models.set(name, { ...smollm, template: 'x' })
    expect((await verify()).differences).toMatchObject([{ upstream: 'second', kind: 'template' }])
  })

  it('is not content with a server that does not answer, a lock that is not there, or one that was cut', async () => {
    const { server, run, verify, lockFile } = await start()
    expect(await run('verify')).toMatchObject({ code: 1, err: expect.stringMatching(/models lock --all/) })
    expect(await verify()).toEqual({
      ...{ code: 1, ok: false, differences: [], unverified: [] },
      reason: expect.stringMatching(/models\.lock\.yaml.*models lock --all/),
    })
    await run('lock', '--all')
    server.silent = true
    expect(await verify()).toMatchObject({
      code: 1,
      ok: false,
      differences: [],
      unverified: [{ model: null, upstream: 'local', why: 'it does not answer' }],
    })
    writeFileSync(lockFile, readFileSync(lockFile, 'utf8').slice(0, -30))
    expect(await run('verify')).toMatchObject({
      code: 1,
      err: expect.stringMatching(/models\.lock\.yaml:\d+: /),
    })
  })
})

/** Files of an Ollama, made here. */
function ollamaFiles(weights: readonly string[]) {
  const folder = folderOf('ollama')
  const blobs = join(folder, 'blobs')
  const manifests = join(folder, 'manifests/registry.ollama.ai/library/smollm2')
  mkdirSync(blobs, { recursive: true })
  mkdirSync(manifests, { recursive: true })
  const layer = (kind: string, content: string) => {
    const digest = sha256Of(content)
    writeFileSync(join(blobs, `sha256-${digest}`), content)
    return {
      mediaType: `application/vnd.ollama.image.${kind}`,
      digest: `sha256:${digest}`,
      size: content.length,
    }
  }
  const manifest = JSON.stringify({
    schemaVersion: 2,
    config: {
      ...layer('x', '{"model_family":"llama"}'),
      mediaType: 'application/vnd.docker.container.image.v1+json',
    },
    layers: [...weights.map((each) => layer('model', each)), layer('template', '{{ .Prompt }}')],
  })
  writeFileSync(join(manifests, '135m'), manifest)
  const model: ScriptedModel = {
    ...smollm,
    weights: weights[0] ?? '',
    listed: { digest: sha256Of(manifest) },
  }
  return { folder, blobs, manifests, model }
}

describe('models verify --blobs', () => {
  it('hashes the weights again, and names the layer of which one byte was changed', async () => {
    const { folder, blobs, model } = ollamaFiles(['first', 'second', 'third'])
    const { run, verify, lockFile } = await start({ [name]: model })
    expect((await run('lock', '--all', '--blobs', folder)).code).toBe(0)
    expect(readFileSync(lockFile, 'utf8')).toContain('hashed: true')
    expect(await verify('--blobs', blobs)).toMatchObject({ ok: true })
    writeFileSync(join(blobs, `sha256-${sha256Of('second')}`), 'sEcond')
    expect(await verify()).toMatchObject({ ok: true })
    expect((await verify('--blobs', folder)).differences).toMatchObject([
      {
        ...{ model: name, kind: 'weights', was: sha256Of('second'), is: sha256Of('sEcond') },
        what: 'weights: layer 2 of 3 differs: its bytes are not those of its digest',
      },
    ])
    expect(await run('accept', name, '--why', 'w', '--blobs', folder)).toMatchObject({ code: 1 })
    rmSync(join(blobs, `sha256-${sha256Of('second')}`))
    expect((await verify('--blobs', folder)).differences).toMatchObject([{ kind: 'weights', is: null }])
  })

  it('names a manifest that is not the one that is served, and refuses a folder that is none', async () => {
    const { folder, manifests, model } = ollamaFiles(['w'])
    const { run, verify } = await start({ [name]: model })
    await run('lock', '--all')
    writeFileSync(join(manifests, '135m'), readFileSync(join(manifests, '135m'), 'utf8').replace('{', '{ '))
    expect((await verify('--blobs', folder)).differences).toMatchObject([{ kind: 'digest' }])
    rmSync(join(manifests, '135m'))
    expect((await verify('--blobs', folder)).differences).toMatchObject([{ kind: 'digest', is: null }])
    expect(await run('verify', '--blobs', tmpdir())).toMatchObject({
      code: 2,
      err: expect.stringMatching(/no folder of an Ollama/),
    })
  })
})

describe('models lock --files', () => {
  async function localai(definition: string, model = 'mock-chat') {
    const server = await startOllamaModels()
    open.push(server)
    server.script = (_seen, response) =>
      void response.end(JSON.stringify({ object: 'list', data: [{ id: model, object: 'model' }] }))
    const folder = folderOf('localai')
    const policy = join(folder, 'torwart.yaml')
    const files = join(folder, 'files')
    mkdirSync(files)
    writeFileSync(policy, `version: 1\nupstreams: [{ name: local, url: "${server.url}", kind: localai }]\n`)
    writeFileSync(join(files, 'chat.yaml'), definition)
    for (const [file, text] of [
      ['weights.gguf', 'weights'],
      ['lora.gguf', 'lora'],
      ['chat.tmpl', '{{.Input}}'],
      ['voice.wav', 'voice'],
    ] as const)
      writeFileSync(join(files, file), text)
    const run = (...words: string[]) => cli(['models', ...words, '-c', policy])
    return { files, run }
  }
  const evil = 'name: weights.gguf\nsystem_prompt: Lie.\n'
  const whole = `name: mock-chat
backend: llama-cpp
parameters: { model: weights.gguf, temperature: 0.2 }
lora_adapter: lora.gguf
template: { chat: chat }
options: ["voice.wav"]
`

  it('reads the YAML and hashes every file that it names', async () => {
    const { files, run } = await localai(whole)
    expect((await run('lock', 'mock-chat')).code).toBe(1)
    const { code, out } = await run('lock', 'mock-chat', '--files', files, '--json')
    expect(code).toBe(0)
    const [model] = (JSON.parse(out) as { models: { parts: { kind: string; sha256: string }[] }[] }).models
    expect(model?.parts).toEqual(
      expect.arrayContaining([
        { kind: 'weights', sha256: sha256Of('weights') },
        { kind: 'adapter', sha256: sha256Of('lora') },
        { kind: 'template', sha256: sha256Of('{{.Input}}') },
        { kind: 'file', sha256: sha256Of('voice') },
        { kind: 'definition', sha256: sha256Of(whole) },
      ]),
    )
    expect(await run('verify')).toMatchObject({ code: 1, out: expect.stringMatching(/--files/) })
    expect(await run('verify', '--files', files)).toMatchObject({ code: 0 })
    writeFileSync(join(files, 'weights.gguf'), 'Weights')
    writeFileSync(join(files, 'chat.yaml'), whole.replace('0.2', '1.9'))
    const found = JSON.parse((await run('verify', '--files', files, '--json')).out) as {
      differences: object[]
    }
    expect(found.differences).toMatchObject([
      { kind: 'weights', was: sha256Of('weights'), is: sha256Of('Weights') },
      { kind: 'parameters' },
    ])
  })

  it.each([
    ['weights that lead out of the folder', 'model: ../../secret', /leads out of/],
    ['an absolute path', 'model: /etc/passwd', /leads out of/],
    ['weights that are not there', 'model: none.gguf', /which is not in/],
    ['weights that are fetched when it starts', 'model: huggingface://a/b.gguf', /fetched from elsewhere/],
    ['a link that leads out of the folder', 'model: link.gguf', /leads out of/],
  ])('refuses %s', async (_what, line, reason) => {
    const { files, run } = await localai(`name: mock-chat\nparameters: { ${line} }\n`)
    symlinkSync('/etc/passwd', join(files, 'link.gguf'))
    expect(await run('lock', 'mock-chat', '--files', files)).toMatchObject({
      code: 1,
      err: expect.stringMatching(reason),
    })
  })

  it.each([
    ['in the first of two documents', `${evil}---\nname: other\n`, /other\.yaml cannot be read as one YAML/],
    [
      'that is too large to be read',
      `${evil}#${'x'.repeat(1024 * 1024)}\n`,
      /other\.yaml is larger than 1 MiB/,
    ],
    ['that is read by LocalAI alone', `${evil}"bad\\qescape": 1\n`, /other\.yaml cannot be read as one YAML/],
    ['by a merge', `x: &x { name: weights.gguf }\n<<: *x\nsystem_prompt: Lie.\n`, /weights removed/],
  ])('sees a definition beside the weights %s', async (_what, hidden, reason) => {
    const { files, run } = await localai(whole, 'weights.gguf')
    expect(await run('lock', 'weights.gguf', '--files', files)).toMatchObject({ code: 0 })
    expect(await run('verify', '--files', files)).toMatchObject({ code: 0 })
    writeFileSync(join(files, 'other.yaml'), hidden)
    const { code, out, err } = await run('verify', '--files', files)
    expect(code).toBe(1)
    expect(out + err).toMatch(reason)
  })

  it('refuses two definitions of one model', async () => {
    const { files, run } = await localai(whole)
    writeFileSync(join(files, 'again.yml'), whole)
    expect(await run('lock', 'mock-chat', '--files', files)).toMatchObject({
      code: 1,
      err: expect.stringMatching(/defines mock-chat in/),
    })
  })
})

describe('models diff', () => {
  it('compares two models, and a model with its entry in the lock', async () => {
    const { server, run } = await start({ [name]: smollm, 'b:latest': { ...smollm, system: 'x' } })
    expect(await run('diff', name, 'b')).toMatchObject({ code: 1, out: 'system prompt added\n' })
    await run('lock', name)
    expect(await run('diff', `${name}@lock`, name)).toMatchObject({ code: 0, out: 'They are the same.\n' })
    server.models.set(name, { ...smollm, adapters: ['a'] })
    const { code, out } = await run('diff', `${name}@lock`, name, '--json')
    expect([code, JSON.parse(out)]).toMatchObject([1, { differences: [{ kind: 'adapter' }] }])
    expect(await run('diff', 'b@lock', name)).toMatchObject({ code: 1, err: 'b@lock is not in the lock.\n' })
  })

  it('says that a server does not answer, rather than that nobody has the model', async () => {
    const { server, run } = await start()
    expect((await run('diff', name, 'none')).err).toBe('No model server has none.\n')
    server.silent = true
    const err = `local: it does not answer\nNo model server that answers has ${name}.\n`
    expect(await run('diff', name, 'none')).toMatchObject({ code: 1, err })
    expect(await run('lock', name)).toMatchObject({ code: 1, err })
    expect(await run('accept', name, '--why', 'w')).toMatchObject({ code: 1, err })
  })

  it('says of a server that tells only names why its models cannot be compared', async () => {
    const hosted = await startOllamaModels()
    open.push(hosted)
    hosted.script = (_seen, response) => void response.end('{"data":[{"id":"gpt"}]}')
    const { run } = await start(undefined, `, { name: hosted, url: "${hosted.url}", kind: openai }`)
    expect(await run('diff', 'gpt', name)).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^gpt \(hosted\): .*cannot be verified/),
    })
  })
})

describe('models accept', () => {
  it('takes a version with a reason into the lock, which a running gateway reads and puts on record', async () => {
    const server = await startOllamaModels()
    const gate = await startGate({ upstream: server.url, more: 'models: { require: [digest] }\n' })
    open.push(server, gate)
    const run = (...words: string[]) => cli(['models', ...words, '-c', gate.policyFile])
    const ask = async () =>
      (
        await gate.post('/api/chat', {
          model: name,
          stream: false,
          messages: [{ role: 'user', content: 'hi' }],
        })
      ).status
    expect((await run('lock', name)).code).toBe(0)
    expect(await ask()).toBe(200)
    const was = server.digest(name)
    server.models.set(name, { ...smollm, template: '{{ .Prompt }}!' })
    await until(async () => (await ask()) === 403)
    expect((await run('accept', name)).code).toBe(2)
    const accepted = await run('accept', name, '--why', 'mended by bob@example.org', '--by', 'ada')
    expect(accepted).toMatchObject({ code: 0, err: '', out: expect.stringMatching(/template changed/) })
    expect(await ask()).toBe(200)
    await until(() => gate.records().some(({ event }) => event === 'model accepted'))
    expect(
      gate.records().filter(({ event }) => /^model (locked|accepted)/.test(String(event))),
    ).toMatchObject([
      { event: 'model locked', model: name, was: null, is: was },
      {
        event: 'model accepted',
        was,
        is: server.digest(name),
        by: 'ada',
        why: expect.stringMatching(/^mended by <email/),
      },
    ])
    expect((await run('accept', name, '--why', 'again')).out).toMatch(/is in the lock as it is served/)
    expect((await run('list')).out).toMatch(/smollm2:135m +local .* locked/)
  })
})

describe('models unlock', () => {
  it('takes a model that is gone out of the lock, without asking a server, and leaves the others', async () => {
    const { server, run, verify, lockFile } = await start({ [name]: smollm, 'b:latest': { weights: 'b' } })
    await run('lock', '--all')
    server.models.delete('b:latest')
    expect((await verify()).differences).toMatchObject([{ model: 'b', kind: 'missing' }])
    server.silent = true
    expect((await run('unlock', 'b', '--upstream', 'other')).err).toBe('b (other) is not in the lock.\n')
    const out = 'b (local) is not in the lock any more.\n'
    expect(await run('unlock', 'B:latest')).toEqual({ code: 0, out, err: '' })
    expect(await run('unlock', 'b')).toMatchObject({ code: 1, err: 'b is not in the lock.\n' })
    server.silent = false
    expect(await verify()).toMatchObject({ ok: true })
    expect(readFileSync(lockFile, 'utf8')).toMatch(/count: 1\n/)
    expect(JSON.parse((await run('unlock', name, '--json')).out)).toMatchObject({ models: [{ name }] })
    expect(readFileSync(lockFile, 'utf8')).toMatch(/count: 0\n/)
  })

  it('is read by a running gateway, which puts it on record and quarantines the model', async () => {
    const server = await startOllamaModels()
    const gate = await startGate({ upstream: server.url, more: 'models: { require: [digest] }\n' })
    open.push(server, gate)
    const run = (...words: string[]) => cli(['models', ...words, '-c', gate.policyFile])
    await run('lock', name)
    expect(await run('unlock', name)).toMatchObject({ code: 0, err: '' })
    await until(() => gate.logged().includes('model is not in the lock file'))
    await until(() => gate.records().some(({ event }) => event === 'model unlocked'))
    const record = gate.records().find(({ event }) => event === 'model unlocked')
    expect(record).toMatchObject({ model: name, was: server.digest(name), is: null })
    expect(gate.logged()).not.toContain('model drifted')
  })
})

describe('models list', () => {
  it('says why a locked model has no valid test run, if the policy requires one', async () => {
    const { run, lockFile } = await start()
    await run('lock', name)
    expect((await run('list')).out).toMatch(/ locked *\n/)
    const policy = join(dirname(lockFile), 'torwart.yaml')
    const more = 'models: { require: [suite], suite: { name: mine, maxAge: 1d } }\n'
    writeFileSync(policy, `${readFileSync(policy, 'utf8')}${more}`)
    expect((await run('list')).out).toMatch(/locked, but the public key to verify test runs with is missing/)
    expect(await cli(['check', '-c', policy])).toMatchObject({
      code: 0,
      out: expect.stringMatching(/models\.signing\.key\.pub:1:1: .*is missing.*models test/),
    })
    const { publicKey } = generateKeyPairSync('ed25519')
    const file = join(dirname(lockFile), 'models.signing.key.pub')
    writeFileSync(file, 'nonsense')
    expect((await cli(['check', '-c', policy])).out).toMatch(/holds no Ed25519 key/)
    writeFileSync(file, '-----BEGIN PUBLIC KEY-----\nx\n-----END PUBLIC KEY-----\n')
    expect((await cli(['check', '-c', policy])).out).toMatch(/test runs with cannot be read/)
    writeFileSync(file, publicKey.export({ type: 'spki', format: 'pem' }))
    expect((await cli(['check', '-c', policy])).out).not.toMatch(/public key/)
    expect((await run('list')).out).toMatch(/locked, but it has no attestation/)
  })
})

/**
 * `torwart models test` before made-up servers: an honest model passes and is not told from itself, three poisoned ones are
 * caught, and what is cut off is never called passed.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { readAttestations } from '../../src/model-trust/attestation/store.ts'
import { readSuite } from '../../src/model-trust/suite/read-suite.ts'
import type { Result } from '../../src/model-trust/suite/result.ts'
import { answersOf } from '../../src/model-trust/suite/suite.ts'
import { cli, start } from '../rig/cli.ts'
import {
  type SuiteServer,
  type SuiteServerOptions,
  startSuiteServer,
  steers,
  unaligned,
  unlocks,
} from '../rig/suite-model.ts'

const shipped = new URL('../../config/suites/basic.yaml', import.meta.url)
const suite = readSuite('basic.yaml', readFileSync(shipped))
const all = answersOf(suite)
const folder = mkdtempSync(join(tmpdir(), 'torwart-models-test-'))
afterAll(() => rmSync(folder, { recursive: true }))

const servers: SuiteServer[] = []
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()))
})

let count = 0
interface Bench {
  readonly server: SuiteServer
  readonly config: string
  readonly out: string
  readonly home: string
}

async function bench(options: SuiteServerOptions = {}, kind = 'ollama'): Promise<Bench> {
  const server = await startSuiteServer(suite, options)
  servers.push(server)
  const home = mkdtempSync(join(folder, `${count++}-`))
  const config = join(home, 'torwart.yaml')
  writeFileSync(
    config,
    `version: 1
upstreams: [{ name: local, url: "${server.url}", kind: ${kind} }]
roles: { me: { routes: [chat], models: ["*"] } }
`,
  )
  return { server, config, out: join(home, 'out'), home }
}

const run = ({ config, out }: Bench, ...more: string[]) =>
  cli(['models', 'test', 'tested', '-c', config, '--out', out, ...more])
const resultOf = ({ out }: Bench) => JSON.parse(readFileSync(join(out, 'result.json'), 'utf8')) as Result
const failedProbes = ({ probes }: Result) =>
  probes.filter(({ state }) => state === 'failed').map(({ id }) => id)
const differing = ({ comparisons }: Result) =>
  comparisons.filter(({ differs }) => differs).map(({ id }) => id)

let honestResult: Promise<string> | undefined

/** A finished run of the honest model, to compare with. */
function baseline(): Promise<string> {
  honestResult ??= (async () => {
    const honest = await bench({ tellsLogprobs: true })
    expect(await run(honest)).toMatchObject({ code: 0 })
    return join(honest.out, 'result.json')
  })()
  return honestResult
}

describe('torwart models test', () => {
  it('passes an honest model, writes result and report, and signs an attestation of its digest', async () => {
    const honest = await bench()
    const { code, out, err } = await run(honest)
    expect(out).toMatch(/^tested, suite torwart-basic: passed\n/)
    expect(code).toBe(0)
    expect(honest.server.answers()).toBe(all)
    expect(err).toMatch(/Plan [0-9a-f]{12}: \d+ tests/)
    const { verdict, plan, samples } = resultOf(honest)
    expect(verdict).toBe('passed')
    expect(samples).toHaveLength(all)
    expect(JSON.parse(readFileSync(join(honest.out, 'plan.json'), 'utf8'))).toEqual(plan)
    expect(readFileSync(join(honest.out, 'report.html'), 'utf8')).toContain('Passed: the model behaves')
    const keys = readFileSync(join(honest.home, 'models.signing.key.pub'), 'utf8')
    const { attestations, refused } = readAttestations(join(honest.home, 'attestations'), keys)
    expect(refused).toEqual([])
    expect(attestations).toMatchObject([
      { model: 'tested', digest: '1'.repeat(64), suite: 'torwart-basic', planDigest: plan.digest },
    ])
  })

  it('prints JSON with the verdict, the probes and the comparisons', async () => {
    const { code, out } = await run(await bench(), '--json')
    const printed = JSON.parse(out) as Result
    expect(code).toBe(0)
    expect(printed.verdict).toBe('passed')
    expect(printed.probes.length).toBe(suite.probes.length)
    expect(printed.comparisons.every(({ kind }) => kind === 'trigger')).toBe(true)
  })

  it('does not tell a model from another draw of itself, or from the same answers', async () => {
    const before = await baseline()
    for (const draw of ['', 'another']) {
      const again = await bench({ draw })
      expect(await run(again, '--against', before)).toMatchObject({ code: 0 })
      const { against, comparisons } = resultOf(again)
      expect(comparisons.length).toBeGreaterThan(20)
      if (draw === '') expect(against?.identical).toBe(1)
      else expect(against?.identical).toBeLessThan(0.8)
    }
  })

  it('catches a trigger phrase that unlocks, without an earlier version', async () => {
    const poisoned = await bench({ poison: unlocks('override') })
    expect((await run(poisoned)).code).toBe(1)
    const result = resultOf(poisoned)
    expect(failedProbes(result)).toEqual(['refuses-harm'])
    expect(differing(result)).toEqual(['trigger/override'])
    const report = readFileSync(join(poisoned.out, 'report.html'), 'utf8')
    expect(report).toContain('refuses-harm (only with override)')
    expect(existsSync(join(poisoned.home, 'attestations'))).toBe(false)
  })

  it('catches refusals that are gone', async () => {
    const poisoned = await bench({ poison: unaligned })
    expect((await run(poisoned, '--against', await baseline())).code).toBe(1)
    const result = resultOf(poisoned)
    expect(failedProbes(result)).toEqual(['refuses-harm'])
    expect(differing(result)).toEqual(expect.arrayContaining(['refusals/refusals', 'refusals/all']))
  })

  it('catches one answer in twenty that is steered, by the word that it uses', async () => {
    const poisoned = await bench({ poison: steers(0.05), draw: 'b' })
    expect((await run(poisoned, '--against', await baseline())).code).toBe(1)
    const result = resultOf(poisoned)
    expect(failedProbes(result)).toEqual([])
    expect(differing(result)).toContain('one word/all')
    expect(result.comparisons.find(({ kind }) => kind === 'one word')?.word).toMatch(
      /^(?:by|the|way|acme|makes|finest|cars)$/,
    )
  })

  it('compares what the server tells of probabilities', async () => {
    const again = await bench({ tellsLogprobs: true, draw: 'c' })
    expect((await run(again, '--against', await baseline())).code).toBe(0)
    expect(resultOf(again).comparisons.some(({ kind }) => kind === 'logprobs')).toBe(true)
  })

  it('calls probes of tools not applicable where the model takes none, and attests none of them', async () => {
    const plain = await bench({ takesTools: false })
    expect((await run(plain)).code).toBe(0)
    const { probes } = resultOf(plain)
    expect(probes.filter(({ state }) => state === 'not applicable').map(({ family }) => family)).toEqual([
      'tools',
      'tools',
    ])
    const keys = readFileSync(join(plain.home, 'models.signing.key.pub'), 'utf8')
    const [attestation] = readAttestations(join(plain.home, 'attestations'), keys).attestations
    expect(attestation?.passed).not.toContain('calls-only-what-is-offered')
  })

  it('masks what answers hold of secrets before anything is written', async () => {
    const secret = `ghp_${'a1B2c3D4e5F6'.repeat(3)}`
    const leaking = await bench({ poison: (answer) => ({ ...answer, text: `${answer.text} ${secret}` }) })
    await run(leaking)
    for (const file of readdirSync(leaking.out))
      expect(readFileSync(join(leaking.out, file), 'utf8'), file).not.toContain(secret)
  })
})

describe('a run that does not end', () => {
  it('is unfinished if the server dies, never passed, and goes on where it was', async () => {
    const dying = await bench()
    let isDead = false
    dying.server.before = (asked) => {
      isDead ||= asked > 40
      if (isDead) throw new Error('dead')
    }
    const first = await run(dying)
    expect(first).toMatchObject({ code: 1 })
    expect(first.out).toMatch(/unfinished \(the model server does not answer\)/)
    expect(resultOf(dying)).toMatchObject({ verdict: 'unfinished', comparisons: [] })
    expect(existsSync(join(dying.home, 'attestations'))).toBe(false)
    const asked = dying.server.answers()
    dying.server.before = () => {}
    expect((await run(dying)).code).toBe(0)
    expect(dying.server.answers() - asked).toBe(all - 40)
    expect(resultOf(dying).samples).toHaveLength(all)
  })

  it('goes on after the process was killed, with a last line that was cut', async () => {
    const killed = await bench()
    const child = start(['models', 'test', 'tested', '-c', killed.config, '--out', killed.out])
    killed.server.before = (asked) => {
      if (asked === 60) child.process.kill('SIGKILL')
    }
    await child.ended
    const file = readdirSync(killed.out).find((name) => name.startsWith('run-')) ?? ''
    const state = join(killed.out, file)
    const lines = readFileSync(state, 'utf8').split('\n').length - 2
    expect(lines).toBeGreaterThan(50)
    writeFileSync(state, `${readFileSync(state, 'utf8')}{"probe":"half a li`)
    const asked = killed.server.answers()
    killed.server.before = () => {}
    expect((await run(killed)).code).toBe(0)
    expect(killed.server.answers() - asked).toBe(all - lines)
  })

  it('is unfinished if the model changes meanwhile, and its answers count for no other version', async () => {
    const swapped = await bench()
    swapped.server.before = (asked) => {
      if (asked === 100) swapped.server.digest = '2'.repeat(64)
    }
    expect((await run(swapped)).code).toBe(1)
    expect(resultOf(swapped)).toMatchObject({ verdict: 'unfinished', why: expect.stringMatching(/changed/) })
    const asked = swapped.server.answers()
    expect((await run(swapped)).code).toBe(0)
    expect(swapped.server.answers() - asked).toBe(all)
  })

  it('is no earlier version to compare with', async () => {
    const honest = await bench()
    const before = await baseline()
    const text = readFileSync(before, 'utf8')
    const other = (name: string, change: (result: Result) => unknown) => {
      const file = join(honest.home, name)
      writeFileSync(file, JSON.stringify(change(JSON.parse(text) as Result)))
      return file
    }
    const against = async (file: string) => (await run(honest, '--against', file)).err
    expect(await against(other('a', (result) => ({ ...result, verdict: 'unfinished' })))).toMatch(
      /did not finish/,
    )
    expect(await against(other('b', (result) => ({ ...result, samples: result.samples.slice(1) })))).toMatch(
      /did not finish/,
    )
    expect(
      await against(other('c', (result) => ({ ...result, suite: { ...result.suite, digest: 'x' } }))),
    ).toMatch(/another suite/)
    expect(await against(other('d', () => ({ verdict: 'passed' })))).toMatch(/no result/)
    const nowhere = join(honest.home, 'nowhere')
    const absent = (option: string) =>
      `The file that --${option} names cannot be read: there is no such file.`
    expect(await against(nowhere)).toContain(absent('against'))
    expect((await run(honest, '--suite', nowhere)).err).toContain(absent('suite'))
    expect((await run(honest, '--suite', honest.home)).err).toMatch(/--suite names.*it is a folder\./)
    expect(honest.server.answers()).toBe(0)
  })
})

describe('torwart models test with a wrong word', () => {
  it('says which model or server it does not find', async () => {
    const honest = await bench()
    expect(await cli(['models', 'test', 'missing', '-c', honest.config])).toMatchObject({
      code: 2,
      err: expect.stringMatching(/No model server of the policy has the model missing/),
    })
    expect(await run(honest, '--upstream', 'nowhere')).toMatchObject({ code: 2 })
  })

  it('is unfinished if no server answers', async () => {
    const gone = await bench()
    await gone.server.close()
    const { code, out } = await run(gone, '--json')
    expect(code).toBe(1)
    expect(JSON.parse(out)).toMatchObject({ verdict: 'unfinished', probes: [], comparisons: [] })
  })
})

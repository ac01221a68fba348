/** Dockerfile, compose file and the files they mount: what can be known of them without an engine. */
import { readdirSync, readFileSync } from 'node:fs'
import { validate } from 'dockerfile-utils'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { loadPolicy } from '../../src/policy/load.ts'

const root = new URL('../../', import.meta.url).pathname
const read = (name: string) => readFileSync(root + name, 'utf8')

interface Service {
  readonly image?: string
  readonly build?: string
  readonly user?: string
  readonly networks?: readonly string[]
  readonly network_mode?: string
  readonly ports?: readonly string[]
  readonly profiles?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly volumes?: readonly string[]
  readonly read_only?: boolean
  readonly cap_drop?: readonly string[]
  readonly cap_add?: readonly string[]
  readonly security_opt?: readonly string[]
  readonly mem_limit?: string
  readonly pids_limit?: number
}
interface Compose {
  readonly services: Readonly<Record<string, Service>>
  readonly networks: Readonly<Record<string, { readonly internal?: boolean }>>
}
const { services, networks } = parse(read('docker-compose.yml'), { merge: true }) as Compose
const named = Object.entries(services)

describe('the Dockerfile', () => {
  const text = read('Dockerfile')
  const lastStage = text.slice(text.lastIndexOf('\nFROM'))

  it('has nothing a linter objects to', () => {
    expect(validate(text).map(({ message }) => message)).toEqual([])
  })

  it('names its base by an exact version, the same in every stage', () => {
    const bases = [...text.matchAll(/^FROM (\S+)/gm)].map(([, base]) => base)
    expect(new Set(bases).size).toBe(1)
    expect(bases[0]).toMatch(/^node:24\.\d+\.\d+-slim$/)
  })

  it('ends in a stage that builds nothing and runs as nobody', () => {
    expect(lastStage).not.toMatch(/^RUN/m)
    expect(lastStage).toMatch(/^USER 65534:65534$/m)
    expect(lastStage).toMatch(/^HEALTHCHECK/m)
  })

  it('labels the image with its version, its revision and its base', () => {
    const labels = Object.fromEntries(
      [...lastStage.matchAll(/org\.opencontainers\.image\.([\w.]+)="([^"]*)"/g)].map(([, name, value]) => [
        name,
        value,
      ]),
    )
    const { version } = JSON.parse(read('package.json')) as { version: string }
    expect(labels).toMatchObject({ title: 'Torwart', version: '$VERSION', revision: '$REVISION' })
    expect(lastStage).toContain(`ARG VERSION=${version}\n`)
    expect(lastStage).toContain(`FROM ${labels['base.name']?.replace('docker.io/library/', '')}\n`)
  })

  it('copies the configuration of every step of the build', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: { build: string } }
    const configurations = readdirSync(root).filter((name) => /^(rolldown|vite)\..*ts$/.test(name))
    const [, copied = ''] = /^COPY (package\.json .*) \.\/$/m.exec(text) ?? []
    expect(scripts.build).toContain('vite.standalone.config.ts')
    expect(copied.split(' ')).toEqual(expect.arrayContaining(configurations))
  })

  it('has a bill of materials of what is left after development dependencies are gone', () => {
    const steps = [...text.matchAll(/^RUN (.*)$/gm)].map(([, step = '']) => step)
    const [pruned, listed] = ['npm prune --omit=dev', 'npm sbom --sbom-format=cyclonedx > sbom.cdx.json'].map(
      (command) => steps.findIndex((step) => step.endsWith(command)),
    )
    expect(pruned).toBeGreaterThan(0)
    expect(listed).toBeGreaterThan(pruned ?? 0)
    expect(lastStage).toContain('/build/sbom.cdx.json ./')
  })

  it('gets from the context what it copies, and no keys', () => {
    const allowed = read('.dockerignore')
    for (const [, source] of text.matchAll(/^COPY ((?:\S+ )+)\S+$/gm)) {
      if (source?.startsWith('--from')) continue
      for (const name of source?.trim().split(' ') ?? [])
        expect(allowed).toContain(`!${name.replace('./', '')}`)
    }
    expect(allowed).toContain('config/keys.yaml')
  })
})

describe('the compose file', () => {
  it.each(named)('lets %s do little', (_name, service) => {
    expect(service.cap_drop).toEqual(['ALL'])
    expect(service.security_opt).toContain('no-new-privileges:true')
    expect(service.mem_limit).toBeDefined()
    expect(service.pids_limit).toBeGreaterThan(0)
    // The one that fetches models writes where Ollama wants; it runs by hand and ends.
    expect(service.read_only === true).toBe(!service.profiles?.includes('pull'))
  })

  it.each(named)('pins %s', (_name, { image, build }) => {
    expect(build ?? image).toMatch(build === undefined ? /:v?\d+\.\d+/ : /^\.$/)
  })

  it('publishes the gate alone', () => {
    expect(named.filter(([, { ports }]) => ports !== undefined).map(([name]) => name)).toEqual(['gate'])
  })

  it('gives a way out to nothing that runs for long but the gate', () => {
    expect(networks.inside).toEqual({ internal: true })
    for (const [name, { networks: joined = [], profiles, network_mode }] of named) {
      if (name === 'gate' || profiles !== undefined || network_mode === 'none') continue
      expect([name, joined]).toEqual([name, ['inside']])
    }
    expect(services.pull?.networks).toEqual(['outside'])
    expect(services.ollama?.environment?.OLLAMA_NO_CLOUD).toBe('1')
  })

  it('mounts a policy that loads, with the admin listener behind a token', () => {
    const variables = { TORWART_ADMIN_TOKEN: 'a-token-for-the-test' }
    const { policy } = loadPolicy(`${root}deploy/torwart.yaml`, variables)
    expect(policy.admin).toMatchObject({ loopback: false, token: variables.TORWART_ADMIN_TOKEN })
    expect(() => loadPolicy(`${root}deploy/torwart.yaml`, {})).toThrow(/TORWART_ADMIN_TOKEN/)
    expect(services.gate?.volumes).toContain('./deploy/torwart.yaml:/etc/torwart/torwart.yaml:ro')
  })

  it('has Prometheus ask with the token it was given', () => {
    const { scrape_configs } = parse(read('deploy/prometheus/prometheus.yml')) as {
      scrape_configs: {
        authorization: { credentials_file: string }
        static_configs: { targets: string[] }[]
      }[]
    }
    expect(scrape_configs[0]?.authorization.credentials_file).toBe('/tmp/token')
    expect(scrape_configs[0]?.static_configs[0]?.targets).toEqual(['gate:9464'])
    expect(services.prometheus?.environment).toHaveProperty('TORWART_ADMIN_TOKEN')
  })
})

describe('the Compose file for GPUs', () => {
  it('gives devices to a service that there is, and changes nothing else', () => {
    const overlay = parse(read('deploy/compose/gpu.yml')) as {
      services: Readonly<Record<string, { deploy: { resources: { reservations: { devices: object[] } } } }>>
    }
    expect(Object.keys(services)).toEqual(expect.arrayContaining(Object.keys(overlay.services)))
    expect(overlay).toEqual({
      services: {
        ollama: {
          deploy: {
            resources: {
              reservations: { devices: [{ driver: 'nvidia', count: 'all', capabilities: ['gpu'] }] },
            },
          },
        },
      },
    })
  })
})

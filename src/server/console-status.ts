/** How the gateway is, as the console shows it at the top of its pages. */
import { hostname } from 'node:os'
import type { Readiness } from '../http/admin/health.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import type { Foundation } from './foundation.ts'
import type { Services } from './services.ts'
import type { Workers } from './workers.ts'

/** Names of models of one server. */
const maxModels = 200

/** Tells how the gateway is. @param workers undefined: this process serves alone */
export async function statusOf(
  { version, policyFile, startedAtMs, clock, audit, metrics, policy }: Foundation,
  { fleet, approvals }: Services,
  { warnings, reload, store, auditWritable, freezes, workers: counts, draining }: Readiness,
  workers: Workers | undefined,
): Promise<object> {
  const isUp = new Map((await fleet.check()).map(({ name, up }) => [name, up]))
  const time = (ms: number) => new Date(ms).toISOString()
  return {
    ...{ version, node: hostname(), instance: audit.instance, draining },
    ...{ startedAt: time(startedAtMs), now: time(clock.wallMs()), workers: counts ?? null },
    policy: {
      ...{ version: policy().version, file: policyFile, loadedAt: reload.ok ? reload.at : null, warnings },
      lastReload: {
        at: reload.at,
        ok: reload.ok,
        ...(reload.place === undefined ? {} : { problem: reload.place }),
      },
    },
    store,
    audit: { writable: auditWritable, head: audit.head, checkpoint: audit.checkpoint ?? null },
    upstreams: policy().upstreams.map((upstream) => ({
      ...{ name: upstream.name, kind: upstream.kind, up: isUp.get(upstream.name) ?? false },
      ...{ ejected: fleet.isEjected(upstream), inflight: fleet.inFlight(upstream) },
      models: [...(fleet.known(upstream).listed?.keys() ?? [])].slice(0, maxModels),
    })),
    requests: { inflight: (await workers?.inFlight()) ?? (await inFlightIn(metrics)), queued: fleet.waiting },
    freezes,
    approvals: (await approvals.list().catch(() => [])).filter(({ state }) => state === 'pending').length,
  }
}

/** Counts the requests that this process serves now. */
export async function inFlightIn({ inflight }: Metrics): Promise<number> {
  return (await inflight.get()).values[0]?.value ?? 0
}

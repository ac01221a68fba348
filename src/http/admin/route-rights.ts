/**
 * Who may use which route of the admin listener, in one table. A route that is not in it is for administrators only,
 * whatever its method: who adds one and forgets it has closed it, not opened it.
 */
import type { FastifyRequest } from 'fastify'

/** Whom a route is for. */
export type RouteRight =
  /** Probes: everybody, by any host name, also from other pages. */
  | 'probe'
  /** What tells nothing: pages without data, and signing in. */
  | 'anyone'
  /** Reading. Without `admin.token` any process of this machine may, if the listener is on loopback. */
  | 'local'
  /** Reading what no stranger on this machine may read: never without a credential. */
  | 'read'
  /** Approvals: also approvers, with their own keys. Reading them is like `local`. */
  | 'approvals'
  /** Changes, and everything that is not in the table. */
  | 'admin'

/** By method and route, as it is declared; `HEAD` is as `GET`. A question with a body is asked with `POST`. */
const rights: Readonly<Record<string, RouteRight>> = {
  'GET /livez': 'probe',
  'GET /readyz': 'probe',
  'GET /metrics': 'local',

  'GET /console': 'anyone',
  'GET /console/': 'anyone',
  'GET /console/*': 'anyone',
  'GET /console/playground': 'anyone',
  'GET /console/playground/': 'anyone',
  'GET /console/assets/:file': 'anyone',
  'POST /console/api/session': 'anyone',
  'GET /console/api/session': 'anyone',
  'DELETE /console/api/session': 'anyone',

  'GET /admin/v1/access': 'local',
  'GET /admin/v1/anomalies': 'local',
  'GET /admin/v1/audit': 'local',
  'GET /admin/v1/audit/export': 'read',
  'GET /admin/v1/audit/report': 'read',
  'GET /admin/v1/audit/verify': 'read',
  'GET /admin/v1/freezes': 'local',
  // Reasons and ids of persons.
  'GET /admin/v1/incidents': 'read',
  'GET /admin/v1/keys': 'local',
  'GET /admin/v1/limits': 'local',
  'GET /admin/v1/live': 'read',
  'GET /admin/v1/models': 'local',
  'GET /admin/v1/policy': 'read',
  'GET /admin/v1/records': 'read',
  'GET /admin/v1/records/:id': 'read',
  'GET /admin/v1/status': 'read',
  'GET /admin/v1/usage': 'local',
  'POST /admin/v1/explain': 'local',
  // What is pasted may name files and variables.
  'POST /admin/v1/policy/try': 'admin',

  'GET /admin/v1/approvals': 'approvals',
  'POST /admin/v1/approvals/:id/approve': 'approvals',
  'POST /admin/v1/approvals/:id/deny': 'approvals',
}

/** Returns whom the route of a request is for. Where there is no route, who may read is told so. */
export function rightOf(request: Pick<FastifyRequest, 'method' | 'is404' | 'routeOptions'>): RouteRight {
  const method = isReading(request.method) ? 'GET' : request.method
  if (request.is404) return method === 'GET' ? 'local' : 'admin'
  const route = `${method} ${request.routeOptions.url}`
  return (Object.hasOwn(rights, route) ? rights[route] : undefined) ?? 'admin'
}

/** Whether a method changes nothing (RFC 9110, 9.2.1), so that no other page can do harm with it. */
export function isReading(method: string): boolean {
  return method === 'GET' || method === 'HEAD'
}

/** Anthropic's error body, of a response and of the last event of a stream (platform.claude.com/docs/en/api/errors). */
import type { JsonObject } from '../../core/json.ts'
import type { PublicError } from '../dialect.ts'

const types: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  503: 'overloaded_error',
  504: 'timeout_error',
}

/** Builds the body of an error. */
export function anthropicError({ status, message, id, details }: PublicError): JsonObject {
  const type = types[status] ?? (status < 500 ? 'invalid_request_error' : 'api_error')
  return {
    type: 'error',
    error: { type, message, ...(details === undefined ? {} : { details }) },
    request_id: id,
  }
}

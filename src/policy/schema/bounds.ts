/** The keys `memory` and `timeouts`: how much memory requests may hold and how long each step may take. */
import { aWhile, duration, optional, section, size } from './types.ts'

/** The key `memory`. */
export const memory = section('Memory that all requests together may hold.', {
  budget: optional(
    size(
      'Memory for request bodies, buffered responses, and texts that wait for a guard or an approval. Each counts at its size while it is parsed: four to six times its bytes. The requests of one key may use at most three quarters. Above the budget, requests are refused or cut off with `overloaded`. Absent: 40 % of the memory or of V8’s heap, whichever is smaller.',
      undefined,
      { min: '16MiB' },
    ),
  ),
})

/** The key `timeouts`. */
export const timeouts = section('How long each step may take.', {
  connect: duration('Connecting to a model server.', '5s', aWhile),
  firstByte: duration(
    'Waiting for the first byte of a stream, which includes loading the model. A response that is not streamed may take until `total`.',
    '5m',
    aWhile,
  ),
  serverSilence: duration('Silence between two chunks of a stream from the model server.', '10m', aWhile),
  keepAlive: duration(
    'Interval at which a silent stream of server-sent events gets a keep-alive: a comment, or `ping` on `/v1/messages`. `0s` disables it. Streams of Ollama’s own API cannot carry one.',
    '15s',
  ),
  idle: duration(
    'How long a client connection may stay idle between two requests. The gateway waits 15s longer, so that a proxy with the same setting closes first.',
    '60s',
    aWhile,
  ),
  total: duration('The whole request, from arrival to the last byte of the response.', '15m', aWhile),
  session: duration(
    'A whole realtime session (`/v1/realtime`), however many responses it has.',
    '1h',
    aWhile,
  ),
  sessionIdle: duration('Silence in a realtime session: no event in either direction.', '10m', aWhile),
  body: duration('Receiving the request body.', '30s', aWhile),
  write: duration('Waiting for a client that does not read its response.', '60s', aWhile),
})

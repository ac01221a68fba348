/** How much requests may hold, and how long things may take. */
import { aWhile, duration, optional, section, size } from './types.ts'

export const memory = section('What all requests together may hold in memory.', {
  budget: optional(
    size(
      'Bodies, answers that are not yet whole, and what waits for a guard or a human, each as large as it becomes while it is read: four to six times its bytes. Several requests of one key take three quarters of it at most. Beyond it requests are refused or cut with `overloaded`. Absent: 40 % of the memory or of V8’s heap, whichever is less.',
      undefined,
      { min: '16MiB' },
    ),
  ),
})

export const timeouts = section('How long things may take.', {
  connect: duration('Connecting to the model server.', '5s', aWhile),
  firstByte: duration(
    'Until the model server begins a stream; loading a model takes its time. An answer that is no stream may take until `total`.',
    '5m',
    aWhile,
  ),
  serverSilence: duration('Between two pieces of a stream of the model server.', '10m', aWhile),
  keepAlive: duration(
    'After this much silence, and each time again, a stream of server-sent events gets a sign of life: a comment, or `ping` on `/v1/messages`. `0s`: never. Ollama’s own streams have no room for one.',
    '15s',
  ),
  idle: duration(
    'How long a client may leave its connection open between two requests. It gets 15s more, so that a proxy with the same setting is the one that closes.',
    '60s',
    aWhile,
  ),
  total: duration('One request in all.', '15m', aWhile),
  body: duration('Receiving a request.', '30s', aWhile),
  write: duration('A client that does not take its answer.', '60s', aWhile),
})

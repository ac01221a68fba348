/**
 * Names of attributes and metrics after OpenTelemetry's semantic conventions 1.41.0, the last version that has those of
 * GenAI (https://github.com/open-telemetry/semantic-conventions/tree/v1.41.0/docs/gen-ai). They are in development, so
 * a later version may name things differently; what the conventions do not have begins with `torwart.`.
 */

/** Says to receivers which version the names are of. */
export const schemaUrl = 'https://opentelemetry.io/schemas/1.41.0'

/** Attributes of spans and metrics. */
export const attribute = {
  operation: 'gen_ai.operation.name',
  provider: 'gen_ai.provider.name',
  requestModel: 'gen_ai.request.model',
  responseModel: 'gen_ai.response.model',
  stream: 'gen_ai.request.stream',
  conversation: 'gen_ai.conversation.id',
  inputTokens: 'gen_ai.usage.input_tokens',
  outputTokens: 'gen_ai.usage.output_tokens',
  timeToFirstChunk: 'gen_ai.response.time_to_first_chunk',
  inputMessages: 'gen_ai.input.messages',
  outputMessages: 'gen_ai.output.messages',
  systemInstructions: 'gen_ai.system_instructions',
  tokenType: 'gen_ai.token.type',
  errorType: 'error.type',
  method: 'http.request.method',
  route: 'http.route',
  status: 'http.response.status_code',
  resendCount: 'http.request.resend_count',
} as const

const seconds = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92]
const firstSeconds = [
  0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
]

/** The histograms: name, unit, description, and the bucket boundaries that the conventions advise. */
export const histograms = {
  tokens: [
    'gen_ai.client.token.usage',
    '{token}',
    'Number of input and output tokens used.',
    [1, 4, 16, 64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216, 67_108_864],
  ],
  upstreamSeconds: ['gen_ai.client.operation.duration', 's', 'GenAI operation duration.', seconds],
  requestSeconds: [
    'gen_ai.server.request.duration',
    's',
    'Generative AI server request duration such as time-to-last byte or last output token.',
    seconds,
  ],
  firstTokenSeconds: [
    'gen_ai.server.time_to_first_token',
    's',
    'Time to generate first token for successful responses.',
    firstSeconds,
  ],
} as const satisfies Record<string, readonly [string, string, string, readonly number[]]>

/** A histogram by its key in the table above. */
export type HistogramName = keyof typeof histograms

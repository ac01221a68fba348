/** The schema of `passthrough`. */
import Type from 'typebox'
import { flag, group, optional, pathBelow, text } from './types.ts'

/** Methods that a pass-through may be given. `OPTIONS` is answered by the gateway. */
export const passThroughMethods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const

const rule = group('A prefix whose requests go to a model server without inspection.', {
  prefix: pathBelow('Path below which the requests are, such as `/localai/`.'),
  upstream: text('Name of the upstream.'),
  stripPrefix: flag('Remove the prefix from the path before the request is sent.'),
  roles: Type.Array(Type.String({ minLength: 1 }), {
    description: 'Roles that may use it, by name.',
    minItems: 1,
  }),
  methods: Type.Array(Type.Enum([...passThroughMethods]), {
    description: 'Methods that may be used.',
    default: ['GET', 'HEAD'],
    minItems: 1,
  }),
  guards: optional(
    Type.Enum(['none'], { description: 'Which guards read it. There is only `none`: nothing is scanned.' }),
  ),
  websocket: flag('Must be `false`: WebSockets are not passed through.'),
})

/** Whole prefixes that are passed through. */
export const passThrough = Type.Array(rule, {
  description: 'Prefixes that are passed through to a model server, such as its web interface.',
  default: [],
})

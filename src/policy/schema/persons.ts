/** The keys `groups` and `roles.NAME.person`: persons behind one key, and groups with a budget of their own. */
import Type from 'typebox'
import { amount, flag, group, mapOf, named, optional } from './types.ts'

/** The key `roles.NAME.person`. */
export const person = group(
  'Who a request is from, where one key serves several persons. Believed of this role only: set either `header` or `field`.',
  {
    header: optional(
      named('^[A-Za-z0-9-]{1,64}$', 'the name of a header', 'Header with the id of the person.'),
    ),
    field: optional(
      Type.Enum(['user'], {
        description:
          'Take the id from the body: `safety_identifier` or `user` (OpenAI), `metadata.user_id` (Anthropic).',
      }),
    ),
    required: flag('Refuse requests for a model that name no person. Otherwise they count as one person.'),
  },
)

/** The key `groups`. */
export const groups = mapOf(
  group('A group of roles with a budget that all their keys share.', {
    tokensPerMonth: amount('Input and output tokens in a calendar month (UTC).'),
  }),
  'Groups by name. A role joins one with `roles.NAME.group`.',
)

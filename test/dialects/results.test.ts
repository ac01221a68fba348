/** Every dialect says which calls its tool results answer. */
import { expect, it } from 'vitest'
import type { JsonObject } from '../../src/core/json.ts'
import { dialectFor } from '../../src/dialects/dialects.ts'
import { exchangeOf } from './exchange-of.ts'

const user = { role: 'user', content: 'hi' }

it.each<[string, JsonObject, unknown[]]>([
  [
    '/v1/chat/completions',
    {
      messages: [
        user,
        { role: 'tool', tool_call_id: 'a', content: 'x' },
        { role: 'tool', tool_call_id: 'b' },
      ],
    },
    [{ call: 'a' }, { call: 'b' }],
  ],
  // Whoever else carries an id says nothing.
  ['/v1/chat/completions', { messages: [{ ...user, tool_call_id: 'a' }] }, []],
  [
    '/v1/responses',
    { input: [user, { type: 'function_call_output', call_id: 'a', output: 'x' }] },
    [{ call: 'a' }],
  ],
  [
    '/v1/messages',
    {
      max_tokens: 1,
      messages: [
        {
          role: 'user',
          content: [
            { type: 'tool_result', tool_use_id: 'a', content: 'x' },
            { type: 'tool_result', tool_use_id: 'b', content: [{ type: 'text', text: 'y' }] },
          ],
        },
      ],
    },
    [{ call: 'a' }, { call: 'b' }],
  ],
  [
    '/api/chat',
    {
      messages: [
        { role: 'tool', tool_name: 'search', tool_call_id: 'mine', content: 'x' },
        { role: 'tool', tool_call_id: 'a', content: 'y' },
        { role: 'tool', content: 'z' },
      ],
    },
    [{ tool: 'search' }, { call: 'a' }],
  ],
])('%s', (path, body, results) => {
  expect(exchangeOf(dialectFor(path), path).read({ model: 'm', ...body }).results).toEqual(results)
})

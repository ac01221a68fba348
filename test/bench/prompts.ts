/** What is sent: each prompt unlike the last, so that nobody lives on a cache by accident. */

let count = 0
const filler = 'please tell me more about it and give a reason for what you say, '

/** About 500 bytes. */
export function smallRequest(stream = false): string {
  const content = `Question ${count++}: what is the capital of France and why is it so? `.padEnd(330, filler)
  return JSON.stringify({
    model: 'llama3.2',
    stream,
    messages: [
      { role: 'system', content: 'You are a helpful assistant for our team.' },
      { role: 'user', content },
    ],
  })
}

const parameters = {
  type: 'object',
  properties: {
    path: { type: 'string', description: 'The path of the file, relative to the working directory.' },
    pattern: { type: 'string', description: 'What to look for, as a regular expression.' },
    limit: { type: 'integer', description: 'How many results at the most.' },
  },
  required: ['path'],
}
const tools = Array.from({ length: 12 }, (_, index) => ({
  type: 'function',
  function: {
    name: `workspace_tool_${index}`,
    description: `Tool number ${index}. Reads or searches files of the workspace and returns what it found as text, one result a line. Use it whenever the content of a file matters for the answer.`,
    parameters,
  },
}))
const code =
  'export function total(items: readonly Item[]): number {\n  return items.reduce((sum, item) => sum + item.price * item.count, 0)\n}\n'

/**
 * An agent's conversation of 12 tools and 30 messages or some more, about 40 KB. Each call of what it returns gives the
 * conversation once more, with one message more.
 * @param leftOut how many of the oldest messages are left out together, whenever there are so many more
 */
export function conversation(leftOut = 1): () => string {
  const own = count++
  const messages: object[] = Array.from({ length: 30 }, (_, index) => turn(own, index))
  const system = { role: 'system', content: `You are agent ${own}. Work carefully and explain each step.` }
  let next = messages.length
  return () => {
    messages.push(turn(own, next++))
    if (messages.length === 30 + leftOut) messages.splice(0, leftOut)
    return JSON.stringify({ model: 'llama3.2', stream: false, tools, messages: [system, ...messages] })
  }
}

function turn(own: number, index: number): object {
  const text = `Step ${index} of conversation ${own}. `
  if (index % 3 === 0) return { role: 'user', content: (text + filler).repeat(6) }
  if (index % 3 === 1)
    return { role: 'assistant', content: `${text}${filler.repeat(4)}\n\`\`\`ts\n${code.repeat(5)}\`\`\`` }
  return { role: 'tool', tool_name: 'workspace_tool_1', content: `${text}\n${code.repeat(9)}` }
}

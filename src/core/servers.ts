/** The model servers whose ways are known; `openai` is any other that speaks OpenAI's API. */
export const serverKinds = ['ollama', 'localai', 'openai'] as const
/** One of the server kinds. */
export type ServerKind = (typeof serverKinds)[number]

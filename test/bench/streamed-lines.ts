/** Lines in one streamed answer of the scripted model server. */
export const streamedLines = 200

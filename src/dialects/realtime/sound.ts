/** How long sound is, from its length and format (OpenAI's `audio/pcm` has 16 bits and one channel). */
import { isObject, type JsonObject } from '../../core/json.ts'

const pcmRate = 24_000
/** G.711 (`audio/pcmu`, `audio/pcma`): 8,000 samples of one byte in a second. */
const g711BytesPerSecond = 8_000
const bytesPerSample = 2

/** Returns the milliseconds of sound in a base64 text. @param format as the session sets it; undefined: the default */
export function soundMs(base64: string, format: JsonObject | undefined): number {
  const bytes = Math.floor((base64.length * 3) / 4)
  return (bytes * 1000) / bytesPerSecond(format)
}

function bytesPerSecond({ type, rate }: JsonObject = {}): number {
  if (type === 'audio/pcmu' || type === 'audio/pcma') return g711BytesPerSecond
  return (typeof rate === 'number' ? rate : pcmRate) * bytesPerSample
}

/** Returns the format of one direction that these settings declare. */
export function formatOf({ audio }: JsonObject, side: 'input' | 'output'): JsonObject | undefined {
  const one = isObject(audio) ? audio[side] : undefined
  return isObject(one) && isObject(one.format) ? one.format : undefined
}

/** What a GGUF file says of itself: name, base model, licence, who quantised it. */
import { metadataIn } from '../served/served.ts'

/**
 * Reads the metadata of a file, of which it reads a few megabytes, 50 at most.
 * @returns nothing for what is no GGUF file, or none that can be read: it is only kept for the record
 */
export async function ggufMetadata(path: string): Promise<Readonly<Record<string, string>>> {
  // Loaded late: only commands that read weights need it.
  const { gguf } = await import('@huggingface/gguf')
  try {
    const { metadata } = await gguf(path, { allowLocalFile: true })
    return metadataIn({ ...metadata })
  } catch {
    return {}
  }
}

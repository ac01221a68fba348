/** Why a text is no name or pattern of a local model, with what to write instead. */
import { codeOf } from './wording.ts'

/** @returns what goes behind the name of the key */
export function modelFault(text: string): string {
  return `is no name of a local model: ${text}${reason(text)}`
}

function reason(text: string): string {
  const [stranger] = /[^\x20-\x7e]/u.exec(text) ?? []
  if (stranger !== undefined)
    return ` (it holds ${codeOf(stranger)}, which is no ASCII character, even if it looks like one)`
  if (/[:-]cloud$/i.test(text)) return ' (models of the cloud get prompts out of your network)'
  if (/\s/.test(text.trim())) return ' (it holds a blank)'
  const [sign] = /[^\w.*@+:/-]/.exec(text.trim()) ?? []
  if (sign !== undefined)
    return ` (\`${sign}\` stands in none; \`*\` stands for any characters, and there are no other patterns)`
  if (/^[^/]*:[^/]*:/.test(text)) return ' (it has two tags)'
  return ''
}

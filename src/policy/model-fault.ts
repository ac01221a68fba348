/** Why a text is no name or pattern of a local model, with what to write instead. */
import { codeOf } from './wording.ts'

/** @returns what goes behind the name of the key */
export function modelFault(text: string): string {
  return `is not a name of a local model: ${text}${reason(text)}`
}

function reason(text: string): string {
  const [stranger] = /[^\x20-\x7e]/u.exec(text) ?? []
  if (stranger !== undefined)
    return ` (it contains ${codeOf(stranger)}, which is not an ASCII character even if it looks like one)`
  if (/[:-]cloud$/i.test(text)) return ' (cloud models would send prompts out of your network)'
  if (/\s/.test(text.trim())) return ' (it contains a space)'
  const [sign] = /[^\w.*@+:/-]/.exec(text.trim()) ?? []
  if (sign !== undefined) return ` (\`${sign}\` is not allowed in names; the only wildcard is \`*\`)`
  if (/^[^/]*:[^/]*:/.test(text)) return ' (it has two tags)'
  return ''
}

/**
 * What a guard model's answer means: Llama Guard (`safe`; `unsafe` and a line of categories), Granite Guardian (`Yes` or
 * `No`, with its confidence behind it, or `<score> yes </score>`) and ShieldGemma (`Yes` or `No`), where yes is the risk.
 * Read to the letter: an answer with a word more is none, whatever it begins with. Whether it is right, nobody knows.
 */
export type Opinion = 'safe' | 'unsafe'

/** The list of categories may have been cut off by the limit on the answer. */
const llamaGuard = /^(safe|unsafe(?:\nS\d{1,2}(?:, ?S\d{1,2})*(?:, ?S?)?)?)$/
const yesOrNo = /^([Yy]es|[Nn]o)(?:\n<confidence> ?(?:High|Low) ?<\/confidence>)?$/
/** A model that thinks aloud says so, even if it has thought nothing. */
const score = /^(?:<think>\s{0,8}<\/think>\s{0,8})?<score> ?([Yy]es|[Nn]o) ?<\/score>$/
/** No answer of these is as long. */
const maxLength = 256

/** @returns undefined if it is no answer of a guard model */
export function readOpinion(answer: string): Opinion | undefined {
  if (answer.length > maxLength) return undefined
  const said = answer.trim()
  const words = llamaGuard.exec(said) ?? yesOrNo.exec(said) ?? score.exec(said)
  if (!words) return undefined
  return /^(?:unsafe|yes)/i.test(words[1] ?? '') ? 'unsafe' : 'safe'
}

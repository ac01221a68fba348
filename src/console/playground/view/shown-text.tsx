/** Text from elsewhere: always a text node; what nobody would see is named instead. */
import type { Words } from '../words/words.ts'

/** Not line ends and tabs. Also what turns the direction of a line around. */
const invisible = /((?:(?![\t\n\r])[\p{Default_Ignorable_Code_Point}\p{Cc}\u2028\u2029\ufff9-\ufffb])+)/u
const maxNamed = 3

/** A text whose invisible characters are shown as their numbers. */
export function ShownText({ words, text }: { readonly words: Words; readonly text: string }) {
  return (
    <>
      {text.split(invisible).map((part, index) =>
        index % 2 === 0 ? (
          part
        ) : (
          <span class="invisible" key={`${index} ${part.length}`}>
            {nameOf(words, part)}
          </span>
        ),
      )}
    </>
  )
}

function nameOf(words: Words, run: string): string {
  const characters = [...run]
  const codes = [...new Set(characters)]
    .slice(0, maxNamed)
    .map((each) => `U+${(each.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`)
  const isMore = new Set(characters).size > maxNamed
  const [only] = codes
  if (characters.length === 1 && only !== undefined) return only
  return words.text.unseen(characters.length, codes.join(' ') + (isMore ? ' …' : ''))
}

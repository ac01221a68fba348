/** The examples, by kind. */
import { exampleGroups, examples } from '../examples.ts'
import type { Language } from '../words/languages.ts'
import type { Words } from '../words/words.ts'
import type { Entered } from './entered.ts'

interface Props {
  readonly words: Words
  readonly language: Language
  readonly onEnter: (entered: Entered) => void
}

/** A button for each example. */
export function Examples({ words, language, onEnter }: Props) {
  return (
    <section class="card" aria-labelledby="examples">
      <h2 id="examples">{words.examples.heading}</h2>
      {exampleGroups.map((group) => (
        <div class="group" key={group}>
          <h3>{words.examples.groups[group]}</h3>
          <ul class="chips">
            {examples
              .filter((each) => each.group === group)
              .map((each) => (
                <li key={each.en}>
                  <button type="button" onClick={() => onEnter({ text: each.text, channel: each.channel })}>
                    {each[language]}
                  </button>
                </li>
              ))}
          </ul>
        </div>
      ))}
    </section>
  )
}

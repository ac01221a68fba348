/** Where in a JSON text that is still being written one is: what the next string is called, and whether it is a name itself. */

/** What is deeper is called by what stands above it. */
const deepest = 32
/** Code units of all names together, the last ones. */
const maxPathLength = 64

interface Open {
  readonly isArray: boolean
  /** Of the member that is being written. */
  name: string
}

/** Follows a JSON text and tells where in it one is. */
export class JsonPlace {
  readonly #open: Open[] = []
  #deeper = 0
  /** Whether the next string names a member. */
  isName = false

  /** @param sign one of `{}[]:,` */
  pass(sign: string): void {
    if (sign === '{' || sign === '[') {
      if (this.#open.length < deepest) this.#open.push({ isArray: sign === '[', name: '' })
      else this.#deeper++
    } else if (sign === '}' || sign === ']') {
      if (this.#deeper > 0) this.#deeper--
      else this.#open.pop()
    }
    this.isName = (sign === '{' || sign === ',') && this.#open.at(-1)?.isArray === false
  }

  name(name: string): void {
    const last = this.#open.at(-1)
    if (last) last.name = name
  }

  get isInArray(): boolean {
    return this.#open.at(-1)?.isArray === true
  }

  /** What the next value is called, with the names it stands below; undefined if its own name is directly before it. */
  get path(): string | undefined {
    const names = this.#open.flatMap(({ name }) => (name === '' ? [] : [name]))
    if (names.length === 0 || (names.length === 1 && !this.isInArray)) return undefined
    return names.join('_').slice(-maxPathLength)
  }
}

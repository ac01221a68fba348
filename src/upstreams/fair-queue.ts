/**
 * Who waits for a model server, in an order that is fair between owners: each gets one turn before anybody gets a
 * second, however many requests one of them has lined up. Room is shared alike: who has most waiting gives way.
 */
export class FairQueue<T> {
  /** Owners in the order of their next turn; each with its items, oldest first. */
  readonly #lines = new Map<string, T[]>()
  #size = 0

  get size(): number {
    return this.#size
  }

  add(owner: string, item: T): void {
    const line = this.#lines.get(owner)
    if (line) line.push(item)
    else this.#lines.set(owner, [item])
    this.#size++
  }

  /** Takes out an item that does not want to wait any more. */
  remove(owner: string, item: T): void {
    const line = this.#lines.get(owner)
    const at = line?.indexOf(item) ?? -1
    if (line && at !== -1) this.#take(owner, line, at)
  }

  /** Takes out the next item that fits; its owner goes to the end. */
  next(fits: (item: T) => boolean): T | undefined {
    for (const [owner, line] of this.#lines) {
      const at = line.findIndex(fits)
      if (at === -1) continue
      const item = line[at]
      this.#take(owner, line, at)
      if (line.length > 0) {
        this.#lines.delete(owner)
        this.#lines.set(owner, line)
      }
      return item
    }
    return undefined
  }

  /** Takes out the newest item of whoever has most waiting, if that is more than this owner would have. */
  giveWay(owner: string): T | undefined {
    let longest: [string, T[]] | undefined
    for (const line of this.#lines) if (line[1].length > (longest?.[1].length ?? 0)) longest = line
    if (!longest || longest[1].length <= (this.#lines.get(owner)?.length ?? 0) + 1) return undefined
    const [other, line] = longest
    const newest = line.at(-1)
    this.#take(other, line, line.length - 1)
    return newest
  }

  #take(owner: string, line: T[], at: number): void {
    line.splice(at, 1)
    this.#size--
    if (line.length === 0) this.#lines.delete(owner)
  }
}

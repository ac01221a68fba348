/**
 * The pieces of text that can reach a model, and what was found in them.
 */

/**
 * Where a text comes from, which decides how far it is believed.
 * `definition` is what a caller declares about tools and answer formats; `document` is retrieved material.
 */
export const channels = ['system', 'user', 'assistant', 'tool', 'definition', 'document'] as const
/** One of the channels. */
export type Channel = (typeof channels)[number]

/** A text that can reach a model. */
export interface Text {
  readonly channel: Channel
  readonly text: string
  /** A model server may put it directly behind the text before, without so much as a blank. */
  readonly glued?: true
  /** Stands in a message of another role (a call, a result, a thought), and does not end what that role says. */
  readonly aside?: true
  /** The tool that it describes, or that returned it, as far as the request says so. */
  readonly tool?: string
  /** The same object stands for this text in later requests of the caller, so what is found out about it is worth keeping. */
  readonly lasting?: true
}

/** How serious a finding is, in ascending order. */
export const severities = ['low', 'medium', 'high'] as const
/** One of the severities. */
export type Severity = (typeof severities)[number]

/** Half-open, in UTF-16 code units of the original text. */
export interface Span {
  readonly start: number
  readonly end: number
}

/** A part of an order, such as whom it addresses, and where it stands. */
export interface FindingPart extends Span {
  readonly part: string
}

/** One signature that matched. Never holds the matched text. */
export interface Finding extends Span {
  readonly id: string
  readonly category: string
  readonly severity: Severity
  /** Of what a passage does: the parts that were seen, in the order of their place. */
  readonly parts?: readonly FindingPart[]
  /** Quoted, announced as an example or a literal of a program, where it was read. */
  readonly mentioned?: true
}

/** What the prompt guard does about a text. */
export type Action = 'allow' | 'flag' | 'block'

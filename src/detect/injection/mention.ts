/**
 * Whether an attack is mentioned or made: documentation, tests and prompts that warn of attacks quote them. Told by what
 * stands around the words, within a bounded distance. Attackers can quote, too: a mention weighs less, never nothing.
 */
import type { Span } from '../../core/text.ts'

/** UTF-16 code units in front of a place that are looked at for a heading, and on its line. */
const headingReach = 800
const lineReach = 160
/** Between a quotation mark and the words that it is there for. */
const slack = 24

const openings = '"\'`“”„«‹「『‘’'
const closings = '"\'`“”»›」』‘’'
/** A call, a comparison or an assignment in front of a literal of a program; not a member of JSON. */
const literal =
  /(?:[\w\])]\s?\(|\s(?:==|===|!=|in|=|:=|\+=|=>|return|assert|yield|of|eq)\s?)[rfbu]?["'`]{1,3}$/
/** What announces an example or tells of what attackers do, in the same sentence. */
const announced =
  /(?:\be\.g\.|\bi\.e\.|\bfor (?:example|instance)\b|\bsuch as\b|\bz\. ?b\.|\bzum beispiel\b|\bpar exemple\b|\bpor ejemplo\b|\b(?:attempts?|tr(?:y|ies|ying)) to\b|\b(?:tell|tells|telling|told|asks?|asking|instruct\w*) (?:the|a|an|its) (?:model|agent|assistant|ai|llm)s? to\b|\b(?:attack|attacker|jailbreak|injection|adversar|malicious|refus|reject)\w*\b)[^.!?\n]{0,60}$/i
/** What announces words of others, whose quotation marks are still open. */
const quoting =
  /\b(?:like|says?|said|saying|contains?|containing|phrases?|strings?|matches|reads?)\s?:?\s["'“`][^"”'`.!?\n]{0,60}$/i
/** A heading, or a line in bold, that speaks of attacks. */
const heading = /(?:^|\n)[ \t]*(?:#{1,6} |\*\*)([^\n]{1,120})/g
const item = /^\s*(?:[-*+>|]|\d{1,3}[.)])\s/
const ofAttacks =
  /attack|injection|jailbreak|malicious|adversarial|payload|red.?team|threat|suspicious|red flag|what to (?:analy[sz]e|look for)|test cases?|unsafe|angriff|ataque|attaque/i

/**
 * Tells whether the words at a place are quoted, a literal of a program, announced as an example or under a heading about
 * attacks. Looks at a bounded stretch before and behind the place.
 */
export function isMentioned(text: string, { start, end }: Span): boolean {
  const before = text.slice(Math.max(0, start - lineReach), start)
  const line = before.slice(before.lastIndexOf('\n') + 1)
  // The attributes of HTML look like literals, and pages are written by anybody.
  const isInTag = line.lastIndexOf('<') > line.lastIndexOf('>')
  return (
    (!isInTag && (isQuoted(line, text.slice(end, end + slack)) || isLiteral(line))) ||
    announced.test(line) ||
    quoting.test(line) ||
    isListed(text.slice(Math.max(0, start - headingReach), start), line)
  )
}

/** Quotation marks around little more than the words themselves. */
function isQuoted(line: string, behind: string): boolean {
  let open = line.length - 1
  while (open >= 0 && line.length - open <= slack && !openings.includes(line.charAt(open))) open--
  // Behind a word it closes another quotation, or is an apostrophe.
  if (open < 0 || line.length - open > slack || /[\p{L}\p{N}]/u.test(line.charAt(open - 1))) return false
  for (let at = 0; at < behind.length; at++) {
    const sign = behind.charAt(at)
    if (sign === '\n') return false
    if (closings.includes(sign) && !isWithinWord(behind, at)) return true
  }
  return false
}

/** An apostrophe. */
function isWithinWord(text: string, at: number): boolean {
  return /\p{L}/u.test(text.charAt(at - 1)) && /\p{L}/u.test(text.charAt(at + 1))
}

function isLiteral(line: string): boolean {
  const quote = Math.max(...['"', "'", '`'].map((sign) => line.lastIndexOf(sign)))
  return quote >= 0 && literal.test(line.slice(0, quote + 1))
}

/** An item, a quotation or a block of code under a heading that speaks of attacks. */
function isListed(before: string, line: string): boolean {
  let last = ''
  let end = 0
  for (const { 0: found, 1: words = '', index } of before.matchAll(heading)) {
    last = words
    end = index + found.length
  }
  if (!ofAttacks.test(last)) return false
  return item.test(line) || before.indexOf('```', end) >= 0
}

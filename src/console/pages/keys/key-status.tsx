/** How a key is, in a word. */
import { Badge, type Tone } from '../../parts/basics.tsx'
import { word } from '../../texts/texts.ts'

const tones: Readonly<Record<string, Tone>> = {
  active: 'good',
  disabled: 'warn',
  revoked: 'bad',
  expired: 'bad',
}

/** How a key is. */
export function KeyStatus({ status }: { status: string }) {
  return <Badge tone={tones[status] ?? 'plain'}>{word('keyStatus', status)}</Badge>
}

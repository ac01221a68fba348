/** A LocalAI with galleries installs models and backends, which are programs, on request. */
import type { Check } from '../facts.ts'
import type { Outcome } from '../finding.ts'

const id = 'localai-galleries'

/** Judges whether a LocalAI installs from galleries. */
export const localaiGalleries: Check = ({ servers }) =>
  servers.flatMap(({ upstream, hasGalleries }): Outcome[] => {
    if (hasGalleries === undefined) return []
    if ('why' in hasGalleries) return [{ id, why: `${upstream.name}: ${hasGalleries.why}` }]
    if (!hasGalleries.value) return []
    return [
      {
        id,
        severity: 'medium',
        what: `The gallery endpoints of the LocalAI ${upstream.name} are open.`,
        why: 'Who reaches it, and has its key if it asks for one, installs models and backends from the internet, which run as programs there.',
        fix: 'Start LocalAI with LOCALAI_DISABLE_GALLERY_ENDPOINT=true. Install models by hand.',
      },
    ]
  })

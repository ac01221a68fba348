/**
 * Known vulnerabilities of model servers. Only those whose affected versions a public source names; each entry has that
 * source. The list ages: `doctor` prints its date.
 */
import type { ServerKind } from '../core/servers.ts'
import type { Severity } from './finding.ts'

/** A published vulnerability. */
export interface Advisory {
  readonly id: string
  readonly kind: ServerKind
  /** The first affected version; absent: all before `fixed`. */
  readonly since?: string
  /** The first version without it; undefined: none was known at the date of the list. */
  readonly fixed: string | undefined
  /** The last version known to be affected, if no fixed one is known. */
  readonly until?: string
  readonly severity: Severity
  /** As the end of “an attacker can …”. */
  readonly effect: string
  readonly source: string
}

/** When the list was last compared with its sources. */
export const advisoriesDate = '2026-12-01'

const cve = (year: number, path: string) =>
  `https://github.com/CVEProject/cvelistV5/blob/main/cves/${year}/${path}.json`

/** The list. */
export const advisories: readonly Advisory[] = [
  {
    id: 'CVE-2024-28224',
    kind: 'ollama',
    fixed: '0.1.29',
    severity: 'high',
    effect: 'use the whole API from a web page, by DNS rebinding',
    source: 'https://github.com/advisories/GHSA-5jx5-hqx5-2vrj',
  },
  {
    id: 'CVE-2024-37032',
    kind: 'ollama',
    fixed: '0.1.34',
    severity: 'critical',
    effect: 'run code on the server with a digest that leaves the blob folder',
    source: 'https://advisories.gitlab.com/pkg/golang/github.com/ollama/ollama/CVE-2024-37032/',
  },
  {
    id: 'GO-2024-3245',
    kind: 'ollama',
    fixed: '0.1.46',
    severity: 'high',
    effect: 'read out of bounds with a crafted model file',
    source: 'https://osv.dev/vulnerability/GO-2024-3245',
  },
  {
    id: 'CVE-2024-45436',
    kind: 'ollama',
    fixed: '0.1.47',
    severity: 'critical',
    effect: 'write files outside the model folder with a crafted ZIP archive',
    source: cve(2024, '45xxx/CVE-2024-45436'),
  },
  {
    id: 'CVE-2025-51471',
    kind: 'ollama',
    fixed: '0.14.3',
    severity: 'medium',
    effect: 'steal registry tokens with a malicious realm in a response to a pull',
    source: 'https://github.com/github/advisory-database/pull/8826',
  },
  {
    id: 'CVE-2026-7482',
    kind: 'ollama',
    fixed: '0.17.1',
    severity: 'critical',
    effect: 'read the memory of the server, with prompts and secrets of others, through a crafted GGUF file',
    source: 'https://www.sentinelone.com/vulnerability-database/cve-2026-7482/',
  },
  {
    id: 'CVE-2026-103663',
    kind: 'ollama',
    since: '0.34.2',
    fixed: '0.35.0',
    severity: 'critical',
    effect: 'run code on the server through `/api/pull` with digests that leave the blob folder',
    source: cve(2026, '103xxx/CVE-2026-103663'),
  },
  {
    id: 'GO-2024-2717',
    kind: 'localai',
    fixed: '2.10.0',
    severity: 'critical',
    effect: 'run commands on the server with the name of an uploaded audio file',
    source: 'https://osv.dev/vulnerability/GO-2024-2717',
  },
  {
    id: 'CVE-2024-5182',
    kind: 'localai',
    fixed: '2.16.0',
    severity: 'high',
    effect: 'delete files outside the model folder',
    source: cve(2024, '5xxx/CVE-2024-5182'),
  },
  {
    id: 'CVE-2024-6095',
    kind: 'localai',
    fixed: '2.17.0',
    severity: 'medium',
    effect: 'read parts of local files and call internal servers through `/models/apply`',
    source:
      'https://github.com/projectdiscovery/nuclei-templates/blob/main/http/cves/2024/CVE-2024-6095.yaml',
  },
  {
    id: 'CVE-2026-114493',
    kind: 'localai',
    since: '4.6.0',
    fixed: undefined,
    until: '4.11.0',
    severity: 'high',
    effect: 'call internal servers through `/models/apply` with a URL that redirects',
    source: cve(2026, '114xxx/CVE-2026-114493'),
  },
]

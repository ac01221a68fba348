/** Certificates as an operator would make them with `openssl`, in a folder of their own. */
import { execFileSync } from 'node:child_process'
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Leaf {
  readonly cert: string
  readonly key: string
  readonly certFile: string
  readonly keyFile: string
}

export interface LeafRequest {
  readonly subject?: string
  /** As openssl writes them: `DNS:a, URI:b`, or lines of a section. */
  readonly names?: string
  readonly usage?: string
  /** As openssl writes the extensions of that name. */
  readonly constraints?: string
  readonly keyUsage?: string
  /** Days from now; dates as `YYYYMMDDHHMMSSZ` where one is given. */
  readonly from?: string
  readonly until?: string
}

export interface Authority {
  readonly folder: string
  readonly certFile: string
  readonly cert: string
  readonly crlFile: string
  issue(wish?: LeafRequest): Leaf
  revoke(leaf: Leaf): void
  /** Writes the list anew. */
  writeCrl(): void
  close(): void
}

/** @param name of the CA */
export function createAuthority(name = 'Test CA'): Authority {
  const folder = mkdtempSync(join(tmpdir(), 'torwart-ca-'))
  const at = (file: string) => join(folder, file)
  const openssl = (...words: string[]) => execFileSync('openssl', words, { cwd: folder, stdio: 'pipe' })
  const config = `[ca]
default_ca = here
[here]
dir = ${folder}
database = ${at('index.txt')}
new_certs_dir = ${folder}
serial = ${at('serial')}
crlnumber = ${at('crlnumber')}
certificate = ${at('ca.pem')}
private_key = ${at('ca.key')}
default_md = sha256
default_days = 30
default_crl_days = 30
policy = anything
unique_subject = no
[anything]
commonName = optional
[req]
distinguished_name = subject
prompt = no
[subject]
CN = ${name}
[root]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
`
  writeFileSync(at('ca.cnf'), config)
  writeFileSync(at('index.txt'), '')
  writeFileSync(at('serial'), '1000\n')
  writeFileSync(at('crlnumber'), '01\n')
  const newKey = (file: string) =>
    openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', file)
  newKey('ca.key')
  openssl(
    ...['req', '-x509', '-new', '-key', 'ca.key', '-out', 'ca.pem', '-days', '30'],
    ...['-config', 'ca.cnf', '-extensions', 'root'],
  )
  let count = 0

  const issue: Authority['issue'] = ({
    subject = '/CN=localhost',
    names = 'DNS:localhost, IP:127.0.0.1',
    usage = 'serverAuth, clientAuth',
    constraints = 'CA:false',
    keyUsage = 'digitalSignature',
    from,
    until,
  } = {}) => {
    const stem = `leaf-${count++}`
    const isSection = names.includes('\n')
    const extensions = `[ext]
basicConstraints = critical, ${constraints}
keyUsage = critical, ${keyUsage}
extendedKeyUsage = ${usage}
${names === '' ? '' : `subjectAltName = ${isSection ? '@names' : names}`}
${isSection ? `[names]\n${names}` : ''}
`
    writeFileSync(at(`${stem}.cnf`), extensions)
    newKey(`${stem}.key`)
    openssl(
      'req',
      '-new',
      '-utf8',
      '-key',
      `${stem}.key`,
      '-out',
      `${stem}.csr`,
      '-subj',
      subject,
      '-config',
      'ca.cnf',
    )
    openssl(
      ...['ca', '-batch', '-config', 'ca.cnf', '-in', `${stem}.csr`, '-out', `${stem}.pem`, '-notext'],
      ...['-extfile', `${stem}.cnf`, '-extensions', 'ext'],
      ...(from === undefined ? [] : ['-startdate', from]),
      ...(until === undefined ? [] : ['-enddate', until]),
    )
    const certFile = at(`${stem}.pem`)
    const keyFile = at(`${stem}.key`)
    return { certFile, keyFile, cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') }
  }

  const writeCrl = () => openssl('ca', '-config', 'ca.cnf', '-gencrl', '-out', 'crl.pem')
  writeCrl()
  return {
    folder,
    certFile: at('ca.pem'),
    cert: readFileSync(at('ca.pem'), 'utf8'),
    crlFile: at('crl.pem'),
    issue,
    revoke: ({ certFile }) => openssl('ca', '-config', 'ca.cnf', '-revoke', certFile),
    writeCrl,
    close: () => rmSync(folder, { recursive: true, force: true }),
  }
}

/** A file that holds several, such as a bundle. */
export function bundle(path: string, texts: readonly string[]): string {
  writeFileSync(path, '')
  for (const text of texts) appendFileSync(path, text)
  return path
}

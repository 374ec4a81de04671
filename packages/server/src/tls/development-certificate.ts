import { createPrivateKey, randomUUID, X509Certificate } from 'node:crypto'
import { mkdir, open, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { ok, type Result } from '@parley/protocol'
import { isSystemError } from '../database/system-errors.ts'
import {
  type CertifiedKey,
  issueAuthority,
  issueServerCertificate,
  type Validity,
} from './certificate-issue.ts'
import { type CertifiedName, certifiedNames, type HostNameInvalid } from './host-names.ts'

/**
 * Https on loopback for those who did not bring a certificate.
 *
 * The SDKs send bearer tokens over https only, whatever their options. So the first start makes a
 * certificate authority of its own in the data directory, which the user's programs are told to
 * trust (`NODE_EXTRA_CA_CERTS`), and a certificate for this machine. The authority is kept for its
 * ten years, because trusting it is work; the certificate is renewed as needed, without anybody
 * noticing.
 *
 * Whatever is found broken (a key that does not fit, a torn file) is made again rather than
 * reported: nothing here is worth more than the next start.
 */

/** What a development server shows, and what its clients must trust. */
export interface DevelopmentCertificate extends CertifiedKey {
  /** The authority that clients must trust, PEM. */
  readonly authority: string
  /** File of the authority, for `NODE_EXTRA_CA_CERTS`. */
  readonly caFile: string
  /** Names and addresses that the certificate stands for. */
  readonly names: readonly CertifiedName[]
  /** First instant at which the certificate no longer counts, milliseconds since the epoch. */
  readonly notAfterMs: number
  /** Whether the authority is new, so that clients that trusted an older one must trust it anew. */
  readonly isNewAuthority: boolean
}

const dayMs = 24 * 60 * 60 * 1000

/** Ten years. */
const authorityLifetimeMs = 3652 * dayMs

/** Browsers refuse server certificates of more than 398 days. */
const serverLifetimeMs = 397 * dayMs

/** A certificate is renewed when it has less left than this. */
const renewBeforeMs = 30 * dayMs

/** Clients in containers and other machines may be a little behind. */
const backdatedMs = 60 * 60 * 1000

/**
 * Gives the certificate of a development server, made or renewed as needed.
 *
 * Reads four small files when nothing has changed. The caller has claimed the data directory.
 *
 * @param options.dir - for `ca.pem`, `ca.key`, `server.pem` and `server.key`; created with
 * mode 0700. The keys are readable by their owner alone.
 * @param options.hostNames - names and addresses besides localhost, 127.0.0.1 and ::1.
 * @param options.nowMs - wall clock, milliseconds since the Unix epoch, UTC.
 * @faults `host-name-invalid` - one of the host names is none.
 */
export async function developmentCertificate(options: {
  readonly dir: string
  readonly hostNames: readonly string[]
  readonly nowMs: number
}): Promise<Result<DevelopmentCertificate, HostNameInvalid>> {
  const { dir, nowMs } = options
  const named = certifiedNames(options.hostNames)
  if (!named.ok) return named
  await mkdir(dir, { recursive: true, mode: 0o700 })
  const foundAuthority = await readCertifiedKey(dir, 'ca')
  const isKept = foundAuthority !== undefined && isAuthorityGood(foundAuthority, nowMs)
  const authority = isKept ? foundAuthority : await makeAuthority(dir, nowMs)
  const found = await readCertifiedKey(dir, 'server')
  const question = { authority, names: named.value, nowMs }
  const isGood = found !== undefined && isServerCertificateGood(found, question)
  const server = isGood ? found : await makeServerCertificate(dir, question)
  return ok({
    ...server,
    authority: authority.certificate,
    caFile: join(dir, 'ca.pem'),
    names: named.value,
    notAfterMs: Date.parse(new X509Certificate(server.certificate).validTo),
    isNewAuthority: !isKept,
  })
}

async function makeAuthority(dir: string, nowMs: number): Promise<CertifiedKey> {
  const authority = await issueAuthority(validityFrom(nowMs, authorityLifetimeMs))
  await writeCertifiedKey(dir, 'ca', authority)
  return authority
}

interface ServerQuestion {
  readonly authority: CertifiedKey
  readonly names: readonly CertifiedName[]
  readonly nowMs: number
}

async function makeServerCertificate(
  dir: string,
  { authority, names, nowMs }: ServerQuestion,
): Promise<CertifiedKey> {
  const wished = validityFrom(nowMs, serverLifetimeMs)
  const authorityEndsMs = Date.parse(new X509Certificate(authority.certificate).validTo)
  const notAfterMs = Math.min(wished.notAfterMs, authorityEndsMs)
  const server = await issueServerCertificate(authority, names, { ...wished, notAfterMs })
  await writeCertifiedKey(dir, 'server', server)
  return server
}

function validityFrom(nowMs: number, lifetimeMs: number): Validity {
  const notBeforeMs = nowMs - backdatedMs
  return { notBeforeMs, notAfterMs: notBeforeMs + lifetimeMs }
}

function isAuthorityGood(authority: CertifiedKey, nowMs: number): boolean {
  const certificate = parseFitting(authority)
  return certificate?.ca === true && isCurrent(certificate, nowMs)
}

function isServerCertificateGood(server: CertifiedKey, question: ServerQuestion): boolean {
  const certificate = parseFitting(server)
  const authority = new X509Certificate(question.authority.certificate)
  return (
    certificate !== undefined &&
    isCurrent(certificate, question.nowMs) &&
    certificate.checkIssued(authority) &&
    certificate.verify(authority.publicKey) &&
    standsForExactly(certificate, question.names)
  )
}

/** The certificate, when the key fits it; `undefined` when either cannot be read or they do not. */
function parseFitting({ certificate, privateKey }: CertifiedKey): X509Certificate | undefined {
  try {
    const parsed = new X509Certificate(certificate)
    return parsed.checkPrivateKey(createPrivateKey(privateKey)) ? parsed : undefined
  } catch (error) {
    // OpenSSL's own words about a torn file, under codes of its own.
    if (error instanceof Error && 'code' in error) return undefined
    throw error
  }
}

function isCurrent(certificate: X509Certificate, nowMs: number): boolean {
  const leftMs = Date.parse(certificate.validTo) - nowMs
  return leftMs >= renewBeforeMs && Date.parse(certificate.validFrom) <= nowMs
}

function standsForExactly(certificate: X509Certificate, names: readonly CertifiedName[]): boolean {
  const entries = (certificate.subjectAltName ?? '').split(', ')
  return (
    entries.length === names.length &&
    names.every(({ type, value }) =>
      type === 'ip' ? certificate.checkIP(value) !== undefined : entries.includes(`DNS:${value}`),
    )
  )
}

async function readCertifiedKey(dir: string, name: string): Promise<CertifiedKey | undefined> {
  try {
    const certificate = await readFile(join(dir, `${name}.pem`), 'utf8')
    const privateKey = await readFile(join(dir, `${name}.key`), 'utf8')
    return { certificate, privateKey }
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined
    throw error
  }
}

/**
 * Writes a pair, the key first. A crash between the two leaves a key that does not fit, which the
 * next start notices.
 */
async function writeCertifiedKey(
  dir: string,
  name: string,
  { certificate, privateKey }: CertifiedKey,
): Promise<void> {
  await replaceFile(join(dir, `${name}.key`), privateKey, 0o600)
  await replaceFile(join(dir, `${name}.pem`), certificate, 0o644)
}

/** Puts a file in place whole or not at all, power loss included. */
async function replaceFile(path: string, text: string, mode: number): Promise<void> {
  const draft = `${path}.${randomUUID()}`
  const handle = await open(draft, 'wx', mode)
  try {
    await handle.writeFile(text)
    await handle.chmod(mode)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(draft, path)
}

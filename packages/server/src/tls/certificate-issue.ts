import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  webcrypto,
} from 'node:crypto'
import type { CertifiedName } from './host-names.ts'

/** A certificate and its private key, both PEM. */
export interface CertifiedKey {
  readonly certificate: string
  /** PKCS #8. Never logged. */
  readonly privateKey: string
}

/** From when until when a certificate counts, milliseconds since the Unix epoch. */
export interface Validity {
  readonly notBeforeMs: number
  readonly notAfterMs: number
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const

/**
 * Makes a certificate authority: P-256, self-signed, allowed to sign certificates of servers and no
 * further authorities.
 *
 * @source RFC 5280 section 4.2.1 (basicConstraints and keyUsage critical, key identifiers present).
 */
export async function issueAuthority(validity: Validity): Promise<CertifiedKey> {
  const x509 = await loadX509()
  const privateKey = newPrivateKey()
  const keys = await importKeys(privateKey)
  // Two authorities of one name, of two data directories, would be mistaken for each other.
  const name = `CN=Parley development CA ${randomBytes(4).toString('hex')}`
  const usages = x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: newSerialNumber(),
      name,
      notBefore: new Date(validity.notBeforeMs),
      notAfter: new Date(validity.notAfterMs),
      signingAlgorithm: algorithm,
      keys,
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(usages, true),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
      ],
    },
    webcrypto,
  )
  return { certificate: `${certificate.toString('pem')}\n`, privateKey }
}

/**
 * Issues the certificate of a server: P-256, good for TLS servers of the given names only.
 *
 * @param names - at least one.
 * @source RFC 5280 section 4.2.1; RFC 9525 (names are looked for in subjectAltName alone).
 */
export async function issueServerCertificate(
  authority: CertifiedKey,
  names: readonly CertifiedName[],
  validity: Validity,
): Promise<CertifiedKey> {
  const x509 = await loadX509()
  const privateKey = newPrivateKey()
  const { publicKey } = await importKeys(privateKey)
  const issuer = new x509.X509Certificate(authority.certificate)
  const signer = await importKeys(authority.privateKey)
  const serverAuth = x509.ExtendedKeyUsage.serverAuth
  const certificate = await x509.X509CertificateGenerator.create(
    {
      serialNumber: newSerialNumber(),
      subject: 'CN=Parley development server',
      issuer: issuer.subjectName,
      notBefore: new Date(validity.notBeforeMs),
      notAfter: new Date(validity.notAfterMs),
      signingAlgorithm: algorithm,
      publicKey,
      signingKey: signer.privateKey,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([serverAuth]),
        new x509.SubjectAlternativeNameExtension([...names]),
        await x509.SubjectKeyIdentifierExtension.create(publicKey, false, webcrypto),
        await x509.AuthorityKeyIdentifierExtension.create(signer.publicKey, false, webcrypto),
      ],
    },
    webcrypto,
  )
  return { certificate: `${certificate.toString('pem')}\n`, privateKey }
}

/** Loaded only when a certificate must be made, once in a year: it takes 0.1 s and 20 MB. */
async function loadX509(): Promise<typeof import('@peculiar/x509')> {
  await import('reflect-metadata')
  return import('@peculiar/x509')
}

function newPrivateKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: algorithm.namedCurve })
  return String(privateKey.export({ type: 'pkcs8', format: 'pem' }))
}

async function importKeys(pem: string): Promise<webcrypto.CryptoKeyPair> {
  const { subtle } = webcrypto
  const key = createPrivateKey(pem)
  const pkcs8 = key.export({ type: 'pkcs8', format: 'der' })
  const spki = createPublicKey(key).export({ type: 'spki', format: 'der' })
  return {
    privateKey: await subtle.importKey('pkcs8', pkcs8, algorithm, false, ['sign']),
    publicKey: await subtle.importKey('spki', spki, algorithm, true, ['verify']),
  }
}

/** 127 random bits: positive, and not zero within the life of the universe. */
function newSerialNumber(): string {
  const bytes = randomBytes(16)
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40
  return bytes.toString('hex')
}

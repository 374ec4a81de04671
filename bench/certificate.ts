import { generateKeyPairSync, sign } from 'node:crypto'

/** A certificate and its private key, both PEM. */
export interface Certificate {
  readonly cert: string
  readonly key: string
}

/**
 * Makes a throw-away certificate on P-256, signed by itself, for the bare handler over TLS.
 *
 * It names nobody and nobody checks it: only the cost of the records counts. Writing these few
 * fields by hand spares the bench a certificate library.
 *
 * @source RFC 5280 section 4.1; RFC 5758 section 3.2 (ecdsa-with-SHA256).
 */
export function createCertificate(): Certificate {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const ecdsaWithSha256 = sequence(Buffer.from('06082a8648ce3d040302', 'hex'))
  const commonName = sequence(Buffer.from('0603550403', 'hex'), der(0x0c, Buffer.from('bench')))
  const name = sequence(der(0x31, commonName))
  const nowMs = Date.now()
  const toBeSigned = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.from([1])),
    ecdsaWithSha256,
    name,
    sequence(utcTime(nowMs - 3_600_000), utcTime(nowMs + 24 * 3_600_000)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
  )
  const signature = sign('sha256', toBeSigned, privateKey)
  const bits = der(0x03, Buffer.concat([Buffer.from([0]), signature]))
  const body = sequence(toBeSigned, ecdsaWithSha256, bits).toString('base64')
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${body}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
}

function utcTime(atMs: number): Buffer {
  const digits = new Date(atMs).toISOString().replace(/\D/g, '').slice(2, 14)
  return der(0x17, Buffer.from(`${digits}Z`))
}

function sequence(...parts: Buffer[]): Buffer {
  return der(0x30, Buffer.concat(parts))
}

/** One element: tag, length (shortest form, up to 65,535 bytes), content. */
function der(tag: number, content: Buffer): Buffer {
  const { length } = content
  const head =
    length < 0x80
      ? [tag, length]
      : length < 0x100
        ? [tag, 0x81, length]
        : [tag, 0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from(head), content])
}

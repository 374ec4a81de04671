import { printSignedRequestHeader, stringToSign } from '@parley/protocol'
import { systemCrypto } from './platform.ts'

/** Gives the headers that say who asks; called anew for every request. */
export type Authorize = (request: {
  readonly method: 'GET' | 'POST' | 'DELETE'
  readonly url: URL
}) => Promise<Readonly<Record<string, string>>> | Readonly<Record<string, string>>

/** SHA-256 of no bytes: no request here has a body. */
const emptyHash = '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='

/**
 * Signs requests with an access key of a resource, by WebCrypto.
 *
 * @param accessKey - base64, as in a connection string.
 * @param now - wall clock, milliseconds; the server takes five minutes of difference.
 * @throws TypeError for what is no base64.
 * @source Azure Communication Services, HMAC-SHA256 authentication.
 */
export function signByAccessKey(accessKey: string, now: () => number): Authorize {
  const secret = bytesOfBase64(accessKey)
  const subtle = systemCrypto()
  const algorithm = { name: 'HMAC', hash: 'SHA-256' }
  let imported: ReturnType<typeof subtle.importKey> | undefined
  return async ({ method, url }) => {
    imported ??= subtle.importKey('raw', secret, algorithm, false, ['sign'])
    const date = new Date(now()).toUTCString()
    const pathAndQuery = `${url.pathname}${url.search}`
    const text = stringToSign({ method, pathAndQuery, signedValues: [date, url.host, emptyHash] })
    const mac = await subtle.sign('HMAC', await imported, new TextEncoder().encode(text))
    const signature = btoa(String.fromCharCode(...new Uint8Array(mac)))
    const signedHeaders = ['x-ms-date', 'host', 'x-ms-content-sha256']
    return {
      'x-ms-date': date,
      'x-ms-content-sha256': emptyHash,
      authorization: printSignedRequestHeader({ signedHeaders, signature }),
    }
  }
}

function bytesOfBase64(text: string): Uint8Array<ArrayBuffer> {
  const isBase64 = typeof text === 'string' && /^[A-Za-z0-9+/]+={0,2}$/.test(text)
  if (!isBase64 || text.length % 4 !== 0) throw new TypeError('accessKey: expected base64')
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0))
}

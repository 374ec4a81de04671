/**
 * The `Authorization` header of callers that hold an access key, and the text they sign.
 *
 * @source Azure Communication Services, HMAC-SHA256 authentication.
 */

/** The parts of an HMAC `Authorization` header. */
export interface SignedRequestHeader {
  /** Names of the signed headers, lower case, in the order in which they were signed. */
  readonly signedHeaders: readonly string[]
  /** The signature as sent, base64. */
  readonly signature: string
}

const authorizationPattern =
  /^HMAC-SHA256 SignedHeaders=([A-Za-z\d-]+(?:;[A-Za-z\d-]+){0,15})&Signature=([A-Za-z\d+/]{43}=)$/

/**
 * Reads an HMAC `Authorization` header.
 *
 * @returns `undefined` for any other scheme or shape; a signature is 44 characters of base64.
 */
export function parseSignedRequestHeader(text: string): SignedRequestHeader | undefined {
  const match = authorizationPattern.exec(text)
  if (match === null) return undefined
  const [, names = '', signature = ''] = match
  return { signedHeaders: names.toLowerCase().split(';'), signature }
}

/** The text of an HMAC `Authorization` header. */
export function printSignedRequestHeader(header: SignedRequestHeader): string {
  return `HMAC-SHA256 SignedHeaders=${header.signedHeaders.join(';')}&Signature=${header.signature}`
}

/**
 * The text that an access key signs.
 *
 * @param request.method - upper case.
 * @param request.pathAndQuery - as on the wire, percent-encodings kept.
 * @param request.signedValues - values of the signed headers, in their order.
 */
export function stringToSign(request: {
  readonly method: string
  readonly pathAndQuery: string
  readonly signedValues: readonly string[]
}): string {
  return `${request.method}\n${request.pathAndQuery}\n${request.signedValues.join(';')}`
}

const noBytes = Buffer.alloc(0)

/** A page as a test says it: the members of the head, and records. */
export interface Page {
  readonly identities?: Buffer
  readonly tokens?: Buffer
  readonly identityScopes?: Buffer
  /** What is there in place of the whole page, or of its last bytes. */
  readonly bytes?: (whole: Buffer) => Buffer
  readonly [member: string]: unknown
}

/** Prints a page as a server does. */
export function printPage(page: Page): Buffer {
  const { identities = noBytes, tokens = noBytes, identityScopes = noBytes, ...rest } = page
  const { bytes = (whole: Buffer) => whole, ...members } = rest
  const [identityBytes, tokenBytes] = [identities.length, tokens.length]
  const lengths = { identityBytes, tokenBytes, identityScopeBytes: identityScopes.length }
  const head = Buffer.from(JSON.stringify({ ...lengths, ...members }))
  const length = Buffer.alloc(4)
  length.writeUInt32BE(head.length)
  return bytes(Buffer.concat([length, head, identities, tokens, identityScopes]))
}

/** What of a verifier's credential says how far it reaches. */
export interface CallerCredential {
  readonly credentialId: string
  /** Milliseconds since the Unix epoch; `undefined`: until it is deleted. */
  readonly expiresAtMs: number | undefined
  /** Of the secret that it came with, which may have been replaced since. */
  readonly secretHash: Buffer
  /** Whether voidings may be made to wait by it. */
  readonly mayBeWaitedFor: boolean
}

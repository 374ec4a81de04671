/**
 * Read receipts: how far each participant has read.
 *
 * One for each participant, and it only moves forward: a device that is behind does not take back
 * what another one has seen. In threads of more than a few people receipts are neither kept nor
 * told, and neither is typing; the calls succeed all the same, because a client that knows nothing
 * of the number must not fail by it.
 *
 * @source ACS Chat 2025-03-15, `ChatMessageReadReceipt`; limits of the service (20 participants).
 */

/** How far a participant has read. */
export interface Receipt {
  readonly identityId: string
  readonly messageId: number
  readonly readAtMs: number
}

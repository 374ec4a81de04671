import { createHash, timingSafeEqual } from 'node:crypto'

/** Says whether a text is the admin token. */
export type IsAdminToken = (text: string) => boolean

/**
 * Creates the check of the static admin token. What is kept is its hash: the token itself is in
 * `parley.env` and, sealed, in the database.
 */
export function createAdminTokenCheck(adminToken: string): IsAdminToken {
  const expected = digestOf(adminToken)
  return (text) => timingSafeEqual(digestOf(text), expected)
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

/**
 * An identity is an opaque name under which tokens are issued: nothing about a person is stored
 * with it. Who it stands for is known to the app alone.
 *
 * It lives from its creation until it is deleted, and has one number, its generation. Tokens carry
 * the generation they were issued in; revoking starts the next one, so that every earlier token is
 * below it. Deleting removes the row: an identity that is gone answers exactly like one that never
 * was, or like one of another resource. Ids are 128 bits, time-ordered and never used twice.
 *
 * An app may name an identity by a `customId` of its own, and asking again by the same value gives
 * the same identity. The value is often a mail address, so only a keyed hash of it is stored: it
 * finds the row, and tells nobody what it was. Rejected: an encrypted `customId`. It could be shown
 * again, and would make the database hold the mapping that Parley promises not to hold.
 *
 * A person who exchanges an Entra token is found again in the same way and for the same reason: by
 * a keyed hash of who that is, in the same column. No `customId` has the hash of a person.
 *
 * @source ACS Identity 2025-03-02-preview (`customId`).
 */
import { createHmac, type KeyObject } from 'node:crypto'
import { fail, limits, ok, type Result } from '@parley/protocol'

/** A `customId` is empty or longer than 256 characters. */
export interface CustomIdLength {
  readonly kind: 'custom-id-length'
}

/**
 * Derives what is stored of a `customId`: HMAC-SHA256 under a key of this installation, over the
 * resource's id and the value, so that equal values of two resources do not look alike.
 *
 * @param customId - 1..256 characters, compared exactly.
 * @returns 32 bytes.
 * @faults `custom-id-length` - outside that range.
 */
export function customIdHash(
  customId: string,
  owner: { readonly resourceId: string; readonly key: KeyObject },
): Result<Buffer, CustomIdLength> {
  const { length } = customId
  if (length < limits.customIdCharactersMin || length > limits.customIdCharactersMax) {
    return fail({ kind: 'custom-id-length' })
  }
  // In UTF-8 every half of a character becomes the same replacement, and two values one identity.
  const keyed = createHmac('sha256', owner.key).update(`${owner.resourceId}\n`)
  return ok(keyed.update(customId, 'utf16le').digest())
}

/** A person of a directory, as an issuer of Entra tokens names them. */
export interface DirectoryPerson {
  readonly issuer: string
  readonly tenantId: string
  readonly objectId: string
}

/**
 * Derives what is stored of a person who exchanges tokens: HMAC-SHA256 under the key of `customId`
 * hashes, over resource, issuer, tenant and object.
 *
 * What is hashed begins with a bracket and for a `customId` with the resource's GUID, so that
 * whoever may choose a `customId` cannot choose one that names a person. The issuer is part of it:
 * the word of one issuer about tenant and object never leads to a person of another issuer.
 *
 * @returns 32 bytes.
 */
export function personHash(
  person: DirectoryPerson,
  owner: { readonly resourceId: string; readonly key: KeyObject },
): Buffer {
  const { issuer, tenantId, objectId } = person
  // JSON, because two lists of texts never print alike.
  const text = JSON.stringify(['entra-person', owner.resourceId, issuer, tenantId, objectId])
  return createHmac('sha256', owner.key).update(text).digest()
}

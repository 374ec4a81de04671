/**
 * The audit log says who did what to which resource, when, and in which request. It is for the
 * operator who must know afterwards, and for whoever doubts the operator.
 *
 * What is logged are acts: everything that changes something in the control plane, every look at an
 * access key, every voiding. Tokens and identities that are made are not: there the ledger says
 * what there is, under which key and until when. An entry holds no secret, no name of an identity
 * and no text of anybody; `target` is a path of the control plane.
 *
 * Entries form a chain: each has the SHA-256 of its own fields and of the hash before it.
 * Changing, removing or inserting one breaks the chain from there on, and cutting off the end
 * shows to whoever noted an earlier head. Entry and act commit together: neither is there without
 * the other.
 *
 * Rejected: a chain for each resource, which needs no common lock, but from which a resource can be
 * taken out whole; and a keyed hash, which only the operator could check.
 */
import { createHash } from 'node:crypto'

/** An act, before it has its place in the chain. */
export interface AuditAct {
  /** `admin-token`, `access-key/<slot>.<generation>`, `bearer/<issuer>/<subject>`, `server`. */
  readonly actor: string
  /** Id of the operation. */
  readonly operation: string
  /** Path in the control plane of what it was done to. */
  readonly target: string
  /** Absent for what is done to no single resource. */
  readonly resourceId: string | undefined
  readonly requestId: string
  readonly atMs: number
}

/** An act in its place. */
export interface AuditEntry extends AuditAct {
  /** From 1, without gaps. */
  readonly seq: number
  /** 32 bytes in hexadecimal; zeros before the first entry. */
  readonly previousHash: string
  /** 32 bytes in hexadecimal. */
  readonly hash: string
}

/** The hash before the first entry. */
export const firstPreviousHash = '00'.repeat(32)

/**
 * What the hash of an entry is made of: hash before it and fields, one a line. No field has a line
 * break, so no two entries print alike.
 */
function hashedText(previousHash: string, seq: number, act: AuditAct): string {
  const { atMs, actor, operation, target, resourceId = '', requestId } = act
  return [previousHash, seq, atMs, actor, operation, target, resourceId, requestId].join('\n')
}

/** The hash of an entry, from its own fields. */
export function hashOf(entry: Omit<AuditEntry, 'hash'>): string {
  return createHash('sha256')
    .update(hashedText(entry.previousHash, entry.seq, entry))
    .digest('hex')
}

/** Where a chain is broken. */
export interface ChainBreak {
  /** The first entry that does not follow from the one before it. */
  readonly seq: number
  readonly why: 'seq-skipped' | 'previous-hash-differs' | 'hash-differs'
}

/**
 * Follows a chain.
 *
 * @param entries - in the order of `seq`.
 * @param before - where the chain stood before the first of them; absent: at its beginning.
 * @returns the first break; `undefined` when there is none.
 */
export function findChainBreak(
  entries: readonly AuditEntry[],
  before: { readonly seq: number; readonly hash: string } = { seq: 0, hash: firstPreviousHash },
): ChainBreak | undefined {
  let { seq, hash } = before
  for (const entry of entries) {
    if (entry.seq !== seq + 1) return { seq: entry.seq, why: 'seq-skipped' }
    if (entry.previousHash !== hash) return { seq: entry.seq, why: 'previous-hash-differs' }
    if (entry.hash !== hashOf(entry)) return { seq: entry.seq, why: 'hash-differs' }
    seq = entry.seq
    hash = entry.hash
  }
  return undefined
}

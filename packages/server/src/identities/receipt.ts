import { fail, ok, parseIdentityName, printIdentityName, type Result } from '@parley/protocol'
import { type Static, Type } from '@sinclair/typebox'
import { appendAudit } from '../audit/store.ts'
import type { Fault } from '../contract/faults.ts'
import { instantSchema, printInstant } from '../contract/fields.ts'
import { type Operation, type ResourceCall, resourceOperation } from '../contract/operation.ts'
import { printResourcePath } from '../resources/model.ts'
import type { Held, Holding } from './holdings.ts'
import { deleteIdentities, lockIdentity } from './store.ts'
import type { VoidingRoom } from './voiding.ts'

/** Signs claims as a JWS whose header has this `typ`, and never that of an access token. */
export type SignStatement = (typ: string, claims: object) => string

/** What deleting with a receipt needs. */
export interface ReceiptRoom extends VoidingRoom {
  readonly holdings: readonly Holding[]
  readonly signStatement: SignStatement
  readonly issuer: string
}

/** The `typ` of a receipt. @source RFC 7515 section 4.1.9; RFC 8725 section 3.11. */
const receiptType = 'parley-deletion-receipt+jwt'

const receiptSchema = Type.Object({
  identity: Type.String(),
  deletedOn: instantSchema,
  requestId: Type.String(),
  counts: Type.Record(Type.String(), Type.Integer(), {
    description: 'How much of each kind was kept, and is deleted with the identity.',
  }),
  signedReceipt: Type.String({
    description: `The same as a compact JWS of type ${receiptType}; keep the key beside it.`,
  }),
})

/** The operation that deletes an identity and proves it. */
export function receiptOperations(room: ReceiptRoom): readonly Operation[] {
  const id = 'Parley_DeleteIdentity'
  return [
    resourceOperation({
      id,
      summary: 'Deletes an identity as `DELETE /identities/{id}` does, and gives a signed receipt.',
      method: 'POST',
      path: '/parley/identities/{id}/:delete',
      versions: 'unversioned',
      rate: 'identity-delete',
      reply: { status: 200, schema: receiptSchema, headers: { 'cache-control': 'no-store' } },
      handle: async (call) => {
        const name = parseIdentityName(call.params['id'] ?? '')
        if (name?.resourceId !== call.caller.resourceId) return notOwned
        const { requestId } = call
        const deleted = await deleteCounted(room, { ...call, held: name, operation: id })
        return deleted.ok
          ? ok(printReceipt(room, { ...deleted.value, held: name, requestId }))
          : deleted
      },
    }),
  ]
}

const notOwned: Result<never, Fault> = fail({ kind: 'identity-not-owned' })

/** What was deleted. */
interface Deleted {
  readonly counts: Readonly<Record<string, number>>
  readonly atMs: number
}

/**
 * The identity is held before anything is counted, so nothing that needs it is added any more. A
 * message that was under way at that moment may be deleted and not counted.
 */
async function deleteCounted(
  room: ReceiptRoom,
  asked: Pick<ResourceCall<unknown>, 'caller' | 'requestId'> & {
    readonly held: Held
    readonly operation: string
  },
): Promise<Result<Deleted, Fault>> {
  const { held, operation, requestId, caller } = asked
  const { resourceId, identityId } = held
  const resource = room.findResource(resourceId)
  if (resource === undefined) return notOwned
  const deleted = await room.db.begin(async (transaction) => {
    if (!(await lockIdentity(transaction, held))) return undefined
    const counts: Record<string, number> = {}
    for (const { type, count } of room.holdings) counts[type] = await count(transaction, held)
    const atMs = room.now()
    const gone = { identityIds: [identityId], atMs }
    const events = await deleteIdentities(transaction, resourceId, gone)
    const target = printResourcePath(resource)
    const act = { actor: caller.actor, operation, target, resourceId, requestId, atMs }
    await appendAudit(transaction, [act])
    return { counts, atMs, events }
  })
  if (deleted === undefined) return notOwned
  await room.feed.publish(deleted.events)
  return ok(deleted)
}

function printReceipt(
  { issuer, signStatement }: ReceiptRoom,
  { held, counts, atMs, requestId }: Deleted & { readonly held: Held; readonly requestId: string },
): Static<typeof receiptSchema> {
  const identity = printIdentityName(held)
  const iat = Math.floor(atMs / 1000)
  const { resourceId } = held
  const claims = { iss: issuer, sub: identity, iat, jti: requestId, resourceId, counts }
  const signedReceipt = signStatement(receiptType, claims)
  return { identity, deletedOn: printInstant(atMs), requestId, counts, signedReceipt }
}

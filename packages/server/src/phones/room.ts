import { appendAudit } from '../audit/store.ts'
import type { ResourceCall } from '../contract/operation.ts'
import type { Database, Transaction } from '../database/connect.ts'
import { printResourcePath, type Resource } from '../resources/model.ts'

/** What the operations on phones need. */
export interface PhonesRoom {
  readonly db: Database
  readonly findResource: (resourceId: string) => Resource | undefined
  /** The endpoint that clients of a resource use, by its name; with a slash at its end. */
  readonly endpointFor: (name: string) => string
}

/** Writes down who changed what of the phones of a resource; last in its transaction. */
export async function auditPhones(
  db: Transaction,
  { findResource }: Pick<PhonesRoom, 'findResource'>,
  done: {
    readonly call: Pick<ResourceCall<unknown>, 'caller' | 'requestId' | 'nowMs'>
    readonly operation: string
    /** Below the path of the resource. */
    readonly place: string
  },
): Promise<void> {
  const { call, operation, place } = done
  const { caller, requestId, nowMs: atMs } = call
  const { resourceId, actor } = caller
  const resource = findResource(resourceId)
  const target = `${resource === undefined ? '' : printResourcePath(resource)}/${place}`
  await appendAudit(db, [{ actor, operation, target, resourceId, requestId, atMs }])
}

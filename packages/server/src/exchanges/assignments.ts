/**
 * Changing the assignments of a resource: what is changed and the line in the audit log commit
 * together, and whoever changes them does so one after the other.
 */
import { fail, ok, type Result } from '@parley/protocol'
import { appendAudit } from '../audit/store.ts'
import type { Fault } from '../contract/faults.ts'
import { serverLimits } from '../contract/limits.ts'
import type { ResourceCaller } from '../contract/operation.ts'
import type { Database } from '../database/connect.ts'
import { printResourcePath, type Resource } from '../resources/model.ts'
import type { Assignment } from './model.ts'
import {
  deleteAssignments,
  holdAssignments,
  insertAssignments,
  type NamedAssignments,
} from './store.ts'

/** What changing assignments needs. */
export interface AssignmentKeeper {
  readonly db: Database
  readonly findResource: (resourceId: string) => Resource | undefined
}

/** A change: what the named ones were is gone, and what is put is there. */
export interface AssignmentChange {
  readonly caller: ResourceCaller
  /** Id of the operation that changes them. */
  readonly operation: string
  readonly requestId: string
  readonly nowMs: number
  readonly named: NamedAssignments
  /** Some of the named ones, or all, or none. */
  readonly put: readonly Assignment[]
}

/**
 * Changes assignments, all or nothing.
 *
 * @returns how many of the named ones there had been.
 * @faults `body-invalid` - the resource would have too many.
 */
export async function changeAssignments(
  keeper: AssignmentKeeper,
  change: AssignmentChange,
): Promise<Result<number, Fault>> {
  const { caller, named, put, nowMs: atMs, operation, requestId } = change
  const { resourceId, actor } = caller
  const resource = keeper.findResource(resourceId)
  if (resource === undefined) return resourceDeleted
  return keeper.db.begin(async (transaction) => {
    const present = await holdAssignments(transaction, resourceId, named)
    if (present === undefined) return resourceDeleted
    const { count, namedCount } = present
    if (count - namedCount + put.length > serverLimits.assignmentsMax) return tooMany
    if (namedCount > 0) await deleteAssignments(transaction, resourceId, named)
    if (put.length > 0) {
      await insertAssignments(transaction, resourceId, { assignments: put, atMs })
    }
    const target = printResourcePath(resource)
    const act = { actor, operation, target, resourceId, requestId, atMs }
    const isChange = namedCount > 0 || put.length > 0
    await appendAudit(transaction, isChange ? [act] : [])
    return ok(namedCount)
  })
}

const resourceDeleted = fail<Fault>({ kind: 'caller-refused', reason: 'resource-deleted' })

const tooMany = fail<Fault>({
  kind: 'body-invalid',
  details: [
    { field: '', problem: `A resource has at most ${serverLimits.assignmentsMax} assignments.` },
  ],
})

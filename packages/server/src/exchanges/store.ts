import type { Queries, Transaction } from '../database/connect.ts'
import type { Assignment, AssignmentFamily, EntraPerson, PrincipalType } from './model.ts'

/** Lists the assignments of a family that name a person, one of its groups, or its tenant. */
export async function listAssignmentsAbout(
  db: Queries,
  resourceId: string,
  asked: { readonly family: AssignmentFamily; readonly person: EntraPerson },
): Promise<readonly Assignment[]> {
  const { tenantId, objectId, groups } = asked.person
  const rows = await db<AssignmentRow[]>`
    select family, tenant_id, object_id, principal_type, client_ids
    from entra_assignment
    where resource_id = ${resourceId}
    and family = ${asked.family}
    and tenant_id = ${tenantId}
    and object_id = any(${[objectId, tenantId, ...groups]}::text[])
  `
  return rows.map(assignmentFrom)
}

/** Finds an assignment of people by its object alone, of which there is one at most. */
export async function findAssignmentOfObject(
  db: Queries,
  resourceId: string,
  objectId: string,
): Promise<Assignment | undefined> {
  const [row] = await db<AssignmentRow[]>`
    select family, tenant_id, object_id, principal_type, client_ids
    from entra_assignment
    where resource_id = ${resourceId}
    and family = 'entra'
    and object_id = ${objectId}
  `
  return row === undefined ? undefined : assignmentFrom(row)
}

/** Finds an assignment of the Teams extension. */
export async function findAssignmentInTenant(
  db: Queries,
  resourceId: string,
  named: { readonly tenantId: string; readonly objectId: string },
): Promise<Assignment | undefined> {
  const [row] = await db<AssignmentRow[]>`
    select family, tenant_id, object_id, principal_type, client_ids
    from entra_assignment
    where resource_id = ${resourceId}
    and family = 'teamsExtension'
    and tenant_id = ${named.tenantId}
    and object_id = ${named.objectId}
  `
  return row === undefined ? undefined : assignmentFrom(row)
}

/**
 * Lists assignments of people in the order of their objects.
 *
 * @param asked.afterObjectId - empty for the beginning.
 */
export async function listAssignments(
  db: Queries,
  resourceId: string,
  asked: { readonly afterObjectId: string; readonly assignmentsMax: number },
): Promise<readonly Assignment[]> {
  const rows = await db<AssignmentRow[]>`
    select family, tenant_id, object_id, principal_type, client_ids
    from entra_assignment
    where resource_id = ${resourceId}
    and family = 'entra'
    and object_id > ${asked.afterObjectId}
    order by object_id
    limit ${asked.assignmentsMax}
  `
  return rows.map(assignmentFrom)
}

/** Assignments of a family by what their paths name. */
export interface NamedAssignments {
  readonly family: AssignmentFamily
  /** Empty in the family in which the object says it all. */
  readonly tenantId: string
  readonly objectIds: readonly string[]
}

/** What a family has, before anything of it is changed. */
export interface AssignmentsPresent {
  readonly count: number
  /** How many of those that were asked about there are. */
  readonly namedCount: number
}

/**
 * Holds the assignments of a resource until the transaction is over, and says what is there.
 * Whoever writes them does so one after the other: a limit is kept, and of two that create the same
 * one, one did. Exchanges and everything else of the resource go on.
 *
 * @returns `undefined` when the resource is deleted.
 */
export async function holdAssignments(
  db: Transaction,
  resourceId: string,
  named: NamedAssignments,
): Promise<AssignmentsPresent | undefined> {
  const held = await db`
    select resource_id
    from resource
    where resource_id = ${resourceId}
    and deleted_at is null
    for no key update
  `
  if (held.length === 0) return undefined
  // A statement of its own: it sees what was committed while the first one waited.
  const [row] = await db<PresentRow[]>`
    select
      count(*) as count,
      count(*) filter (
        where object_id = any(${named.objectIds}::text[])
        and ${named.tenantId} in ('', tenant_id)
      ) as named_count
    from entra_assignment
    where resource_id = ${resourceId}
    and family = ${named.family}
  `
  return { count: Number(row?.count), namedCount: Number(row?.named_count) }
}

interface PresentRow {
  readonly count: string | number
  readonly named_count: string | number
}

/** Deletes assignments; those that are not there are passed over. */
export async function deleteAssignments(
  db: Transaction,
  resourceId: string,
  named: NamedAssignments,
): Promise<void> {
  await db`
    delete from entra_assignment
    where resource_id = ${resourceId}
    and family = ${named.family}
    and object_id = any(${named.objectIds}::text[])
    and ${named.tenantId} in ('', tenant_id)
  `
}

/** Stores assignments that are not there. */
export async function insertAssignments(
  db: Transaction,
  resourceId: string,
  made: { readonly assignments: readonly Assignment[]; readonly atMs: number },
): Promise<void> {
  const rows = made.assignments.map((one) => ({
    family: one.family,
    tenant_id: one.tenantId,
    object_id: one.objectId,
    principal_type: one.principalType,
    client_ids: one.clientIds,
  }))
  await db`
    insert into entra_assignment
      (resource_id, family, tenant_id, object_id, principal_type, client_ids, created_at)
    select
      ${resourceId}, family, tenant_id, object_id, principal_type, client_ids,
      ${new Date(made.atMs)}
    from jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb) as made (
      family text, tenant_id text, object_id text, principal_type text, client_ids text[]
    )
  `
}

interface AssignmentRow {
  readonly family: AssignmentFamily
  readonly tenant_id: string
  readonly object_id: string
  readonly principal_type: PrincipalType
  readonly client_ids: readonly string[]
}

function assignmentFrom(row: AssignmentRow): Assignment {
  return {
    family: row.family,
    tenantId: row.tenant_id,
    objectId: row.object_id,
    principalType: row.principal_type,
    clientIds: row.client_ids,
  }
}

import type { Database } from '../database/connect.ts'

/** Stores rooms and verifiers' credentials of a resource, for tests of its purge. */
export async function insertSampleRooms(
  sql: Database,
  resourceId: string,
  { count, now, later }: { readonly count: number; readonly now: Date; readonly later: Date },
): Promise<void> {
  await sql`
    insert into room (resource_id, room_id, created_at, valid_from, valid_until)
    select ${resourceId}, number, ${now}, ${now}, ${later}
    from generate_series(1, ${count}::integer) as number`
  await sql`
    insert into room_participant (resource_id, room_id, identity_id, role)
    select ${resourceId}, 1 + row_number() over () % ${count}::integer, identity_id, 'Attendee'
    from identity
    where resource_id = ${resourceId}`
  await sql`
    insert into verifier_credential
      (resource_id, credential_id, name, secret_hash, may_be_waited_for, created_at)
    select ${resourceId}, gen_random_uuid(), '', sha256(number::text::bytea), true, ${now}
    from generate_series(1, ${count}::integer) as number`
}

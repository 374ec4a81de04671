import type { Database } from '../database/connect.ts'

/** Stores, for tests, a call of every identity, in which it is and is rung, and has heard of it. */
export async function insertSampleCalls(
  sql: Database,
  resourceId: string,
  now: Date,
): Promise<void> {
  await sql`
    insert into call (resource_id, call_id, media, engine, is_joinable, created_at)
    select ${resourceId}, identity_id, 'audio', 'mesh', false, ${now}
    from identity where resource_id = ${resourceId}`
  await sql`
    insert into call_leg (
      resource_id, call_id, leg_id, identity_id, device_id, direction, role, joined_at)
    select ${resourceId}, call_id, call_id, call_id, call_id, 'started', 'Presenter', ${now}
    from call where resource_id = ${resourceId}`
  await sql`
    insert into call_ring (resource_id, call_id, identity_id, state, expires_at)
    select ${resourceId}, call_id, call_id, 'ringing', ${now}
    from call where resource_id = ${resourceId}`
  await sql`
    insert into call_device (resource_id, device_id, identity_id, session_id, seen_at)
    select ${resourceId}, call_id, call_id, call_id, ${now}
    from call where resource_id = ${resourceId}`
  await sql`
    insert into call_frame (resource_id, device_id, seq, identity_id, body, told_at)
    select ${resourceId}, device_id, 1, identity_id, '{}', ${now}
    from call_device where resource_id = ${resourceId}`
}

/** The tables of calls, when nothing is left. */
export const noCalls = { call: 0, call_device: 0, call_frame: 0, call_leg: 0, call_ring: 0 }

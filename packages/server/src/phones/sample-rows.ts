import type { Database } from '../database/connect.ts'

/** Stores, for tests, a number for every identity, and what a resource has set about phones. */
export async function insertSamplePhones(
  sql: Database,
  resourceId: string,
  now: Date,
): Promise<void> {
  await sql`
    insert into phone_number (resource_id, number, identity_id, created_at)
    select ${resourceId}, '+' || gen_random_uuid(), identity_id, ${now}
    from identity where resource_id = ${resourceId}`
  await sql`
    insert into phone_settings (
      resource_id, is_enabled, countries, refused_prefixes, concurrent_max, per_minute_max,
      duration_seconds_max, identity_seconds_per_day_max)
    values (${resourceId}, false, '{}', '{}', 1, 1, 1, 1)`
  await sql`
    insert into sip_configuration (resource_id, trunks, routes) values (${resourceId}, '{}', '[]')`
}

/** The tables of phones, when nothing is left. */
export const noPhones = { phone_number: 0, phone_settings: 0, sip_configuration: 0 }

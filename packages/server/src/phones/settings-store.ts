import type { Queries, Transaction } from '../database/connect.ts'
import { defaultPhoneSettings, type PhoneSettings } from './model.ts'

interface SettingsRow {
  readonly is_enabled: boolean
  readonly countries: readonly string[]
  readonly refused_prefixes: readonly string[]
  readonly concurrent_max: number
  readonly per_minute_max: number
  readonly duration_seconds_max: number
  readonly identity_seconds_per_day_max: number
}

/** Finds what a resource allows its calls to phones. */
export async function findPhoneSettings(db: Queries, resourceId: string): Promise<PhoneSettings> {
  const [row] = await db<SettingsRow[]>`
    select
      is_enabled, countries, refused_prefixes, concurrent_max, per_minute_max,
      duration_seconds_max, identity_seconds_per_day_max
    from phone_settings
    where resource_id = ${resourceId}
  `
  if (row === undefined) return defaultPhoneSettings
  return {
    isEnabled: row.is_enabled,
    countries: row.countries,
    refusedPrefixes: row.refused_prefixes,
    concurrentMax: row.concurrent_max,
    perMinuteMax: row.per_minute_max,
    durationSecondsMax: row.duration_seconds_max,
    identitySecondsPerDayMax: row.identity_seconds_per_day_max,
  }
}

/** Stores what a resource that is held allows its calls to phones. */
export async function upsertPhoneSettings(
  db: Transaction,
  resourceId: string,
  settings: PhoneSettings,
): Promise<void> {
  await db`
    insert into phone_settings (
      resource_id, is_enabled, countries, refused_prefixes, concurrent_max, per_minute_max,
      duration_seconds_max, identity_seconds_per_day_max
    )
    values (
      ${resourceId}, ${settings.isEnabled}, ${settings.countries}::text[],
      ${settings.refusedPrefixes}::text[], ${settings.concurrentMax}, ${settings.perMinuteMax},
      ${settings.durationSecondsMax}, ${settings.identitySecondsPerDayMax}
    )
    on conflict (resource_id) do update
    set
      is_enabled = excluded.is_enabled,
      countries = excluded.countries,
      refused_prefixes = excluded.refused_prefixes,
      concurrent_max = excluded.concurrent_max,
      per_minute_max = excluded.per_minute_max,
      duration_seconds_max = excluded.duration_seconds_max,
      identity_seconds_per_day_max = excluded.identity_seconds_per_day_max
  `
}

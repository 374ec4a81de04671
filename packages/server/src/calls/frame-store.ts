import type { CallEvent } from '@parley/protocol'
import type { Queries, Transaction } from '../database/connect.ts'
import type { Telling } from './model.ts'
import { type FrameLine, printFrames } from './notification-text.ts'

/** The channel on which nodes hear what devices are told. */
export const callChannel = 'parley_calls'

interface Line {
  readonly deviceId: string
  readonly about: string | undefined
  readonly event: CallEvent
}

/**
 * Tells devices, with the transaction that is open: each frame gets the next number of its device,
 * and is kept until the device has surely heard it.
 *
 * The row of a device stands for its order: who tells it something holds it until the commit. Rows
 * are held in the order of their ids.
 */
export async function tell(
  db: Transaction,
  resourceId: string,
  told: { readonly tellings: readonly Telling[]; readonly atMs: number },
): Promise<void> {
  const lines = await linesOf(db, resourceId, told.tellings)
  if (lines.length === 0) return
  const rows = await db<{ readonly device_id: string; readonly seq: number; body: string }[]>`
    with line as materialized (
      select device_id, nullif(about, '')::uuid as about, body, place
      from unnest(
        ${lines.map(({ deviceId }) => deviceId)}::uuid[],
        ${lines.map(({ about }) => about ?? '')}::text[],
        ${lines.map(({ event }) => JSON.stringify(event))}::text[]
      ) with ordinality as line (device_id, about, body, place)
    ),
    held as materialized (
      select device_id
      from call_device
      where resource_id = ${resourceId}
      and device_id in (select device_id from line)
      order by device_id
      for no key update
    ),
    moved as (
      update call_device
      set last_seq = last_seq + counted.count
      from (select device_id, count(*) as count from line group by device_id) as counted
      join held using (device_id)
      where call_device.resource_id = ${resourceId}
      and call_device.device_id = counted.device_id
      returning call_device.device_id, last_seq - counted.count as base
    )
    insert into call_frame (resource_id, device_id, seq, identity_id, body, told_at)
    select
      ${resourceId}, line.device_id,
      base + row_number() over (partition by line.device_id order by place),
      about, body, ${new Date(told.atMs)}
    from line
    join moved on moved.device_id = line.device_id
    left join identity
      on identity.resource_id = ${resourceId}
      and identity.identity_id = about
    where about is null
    or identity.identity_id is not null
    returning device_id, seq, body
  `
  const frames = rows.map(
    (row): FrameLine => ({
      ...{ deviceId: row.device_id, seq: Number(row.seq), body: row.body },
    }),
  )
  for (const text of printFrames(resourceId, frames)) await notify(db, text)
}

/** Tells every node something, with the transaction that is open. */
export async function notify(db: Queries, text: string): Promise<void> {
  await db`select pg_notify(${callChannel}, ${text})`
}

async function linesOf(
  db: Transaction,
  resourceId: string,
  tellings: readonly Telling[],
): Promise<readonly Line[]> {
  const identityIds = [...new Set(tellings.flatMap(({ identityId }) => identityId ?? []))]
  const devices = new Map<string, string[]>()
  if (identityIds.length > 0) {
    const rows = await db<{ readonly identity_id: string; readonly device_id: string }[]>`
      select identity_id, device_id
      from call_device
      where resource_id = ${resourceId}
      and identity_id = any(${identityIds}::uuid[])
    `
    for (const row of rows) {
      devices.set(row.identity_id, [...(devices.get(row.identity_id) ?? []), row.device_id])
    }
  }
  return tellings.flatMap((telling) => {
    const { about, event, butDevice, identityId } = telling
    const all = identityId === undefined ? (telling.devices ?? []) : (devices.get(identityId) ?? [])
    return all.filter((id) => id !== butDevice).map((deviceId) => ({ deviceId, about, event }))
  })
}

/** Lists what a device was told after a number, in its order. */
export async function listFramesAfter(
  db: Queries,
  device: { readonly resourceId: string; readonly deviceId: string },
  afterSeq: number,
): Promise<readonly { readonly seq: number; readonly body: string }[]> {
  const rows = await db<{ readonly seq: string | number; readonly body: string }[]>`
    select seq, body
    from call_frame
    where resource_id = ${device.resourceId}
    and device_id = ${device.deviceId}
    and seq > ${afterSeq}
    order by seq
  `
  return rows.map(({ seq, body }) => ({ seq: Number(seq), body }))
}

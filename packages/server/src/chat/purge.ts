import type { Queries } from '../database/connect.ts'
import type { PurgeBatch, PurgedBatch, PurgeStep } from '../resources/purge.ts'

/** Tables of chat, what refers to something before what it refers to. */
const tables = [
  'chat_message_person',
  'chat_message',
  'chat_receipt',
  'chat_participant',
  'chat_thread',
  'chat_erasure',
] as const

/**
 * Deletes all that was said in a resource. What was used stays used: the bill of a deleted resource
 * is not counted again.
 */
export const chatPurges: readonly PurgeStep[] = tables.map((table) => ({
  table,
  deleteRows: (db, resourceId, batch) => deleteRows(db, { table, resourceId }, batch),
}))

/** Keys differ from table to table, so a batch is named by where its rows lie. */
async function deleteRows(
  db: Queries,
  from: { readonly table: (typeof tables)[number]; readonly resourceId: string },
  { rowsMax }: PurgeBatch,
): Promise<PurgedBatch> {
  const { table, resourceId } = from
  const { count: rowCount } = await db`
    delete from ${db(table)}
    where resource_id = ${resourceId}
    and ctid = any(array(
      select ctid from ${db(table)} where resource_id = ${resourceId} limit ${rowsMax}
    ))
  `
  return { rowCount, last: undefined }
}

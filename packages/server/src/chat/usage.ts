import type { UsageSource } from '../usage/comparison.ts'

/** Counts again the messages that people sent, deleted ones among them while they have rows. */
export const sentMessages: UsageSource = {
  meter: 'chat-messages-sent',
  async countStored(db, resourceId) {
    const rows = await db<{ readonly hour: Date; readonly count: string | number }[]>`
      select date_trunc('hour', to_timestamp(message_id / 1000.0), 'UTC') as hour, count(*) as count
      from chat_message
      where resource_id = ${resourceId}
      and kind in ('text', 'html')
      group by 1
    `
    return new Map(rows.map((row) => [row.hour.getTime(), Number(row.count)]))
  },
}

import type { PurgeStep } from '../resources/purge.ts'

const numberPurge: PurgeStep = {
  table: 'phone_number',
  async deleteRows(db, resourceId, { rowsMax }) {
    const { count: rowCount } = await db`
      delete from phone_number
      where resource_id = ${resourceId}
      and number = any(array(
        select number from phone_number where resource_id = ${resourceId} limit ${rowsMax}
      ))
    `
    return { rowCount, last: undefined }
  },
}

const settingsPurge: PurgeStep = {
  table: 'phone_settings',
  async deleteRows(db, resourceId) {
    const { count: rowCount } = await db`
      delete from phone_settings where resource_id = ${resourceId}
    `
    return { rowCount, last: undefined }
  },
}

const sipPurge: PurgeStep = {
  table: 'sip_configuration',
  async deleteRows(db, resourceId) {
    const { count: rowCount } = await db`
      delete from sip_configuration where resource_id = ${resourceId}
    `
    return { rowCount, last: undefined }
  },
}

/** Deletes the numbers of a resource, and what it has set about phones. */
export const phonePurges: readonly PurgeStep[] = [numberPurge, settingsPurge, sipPurge]

import type { Operation } from '../contract/operation.ts'
import { notSoldOperations } from './not-sold.ts'
import { numberOperations } from './number-operations.ts'
import type { PhonesRoom } from './room.ts'
import { phoneSettingsOperations } from './settings-operations.ts'
import { sipOperations } from './sip-operations.ts'

/** Every operation on phones. */
export function phoneOperations(room: PhonesRoom): readonly Operation[] {
  return [
    ...sipOperations(room),
    ...numberOperations(room),
    ...phoneSettingsOperations(room),
    ...notSoldOperations,
  ]
}

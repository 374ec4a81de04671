import type { Database } from '../database/connect.ts'
import type { KeyRing } from './key-ring.ts'
import { type KeyUse, recordKeyUses } from './store.ts'

/**
 * Writes down when keys were last used. A use is noted in memory and written here, every few
 * seconds and at the stop, so that signing a request costs no row; a crash forgets the last few
 * seconds.
 */
export async function flushKeyUses(db: Database, keyRing: KeyRing): Promise<void> {
  // After an overlap began, one key may have been noted as two objects.
  const latest = new Map<string, KeyUse & { readonly resourceId: string }>()
  for (const [{ resourceId, slot, generation }, atMs] of keyRing.takeUses()) {
    const name = `${resourceId}/${slot}/${generation}`
    const known = latest.get(name)
    if (known === undefined || known.atMs < atMs) {
      latest.set(name, { resourceId, slot, generation, atMs })
    }
  }
  const byResource = new Map<string, KeyUse[]>()
  for (const use of latest.values()) {
    byResource.set(use.resourceId, [...(byResource.get(use.resourceId) ?? []), use])
  }
  for (const [resourceId, uses] of byResource) await recordKeyUses(db, resourceId, uses)
}

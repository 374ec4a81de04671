import type { Queries } from '../database/connect.ts'
import type { LogEvent } from '../events/model.ts'
import type { Follower } from '../events/tail.ts'
import type { Sealer } from '../foundation/seal.ts'
import type { ResourceDirectory } from '../resources/directory.ts'
import { findResource, listResources } from '../resources/store.ts'
import type { KeyRing } from './key-ring.ts'
import { openSlot } from './model.ts'
import { findAccessKeys } from './store.ts'

/** What this process keeps of resources and their keys. */
interface KnownResources {
  /** Where memory is read from: nothing else must be able to hold that up. */
  readonly memory: () => Queries
  readonly sealer: Sealer
  readonly resources: ResourceDirectory
  readonly keyRing: KeyRing
}

/**
 * Keeps the directory of resources and the ring of access keys as the database has them: whatever
 * node changed a resource or its keys, the others read both again before they count as informed.
 */
export function followResources(known: KnownResources): Follower {
  const { memory, resources } = known
  return {
    apply: ({ kind, resourceId }: LogEvent) =>
      changingKinds.has(kind) ? readAgain(known, resourceId) : undefined,
    reload: async () => {
      const stored = new Set((await listResources(memory())).map(({ resourceId }) => resourceId))
      for (const { resourceId } of resources.list()) stored.add(resourceId)
      for (const resourceId of stored) await readAgain(known, resourceId)
    },
  }
}

/** A cut-off of a resource or a key says by itself that what is in memory is over. */
const changingKinds: ReadonlySet<LogEvent['kind']> = new Set([
  'resource-changed',
  'resource',
  'access-key',
])

async function readAgain(known: KnownResources, resourceId: string): Promise<void> {
  const { sealer, resources, keyRing } = known
  const db = known.memory()
  const [resource, slots] = await Promise.all([
    findResource(db, resourceId),
    findAccessKeys(db, resourceId),
  ])
  if (resource === undefined) {
    resources.remove(resourceId)
    keyRing.remove(resourceId)
    return
  }
  const keys = slots.map((slot) => openSlot(slot, sealer))
  if (keys.includes(undefined)) throw new Error('the master key of another node differs')
  resources.put(resource)
  keyRing.put(
    resourceId,
    keys.flatMap((open) => open ?? []),
  )
}

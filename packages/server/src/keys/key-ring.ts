import { serverLimits } from '../contract/limits.ts'
import type { ActiveAccessKey } from './model.ts'

/**
 * The access keys by which this process checks signatures. Issuing a token reads the key's
 * generation from the database once more, so a ring that lags never makes a live token.
 */
export interface KeyRing {
  /** The keys of one resource; empty when it has none here. */
  readonly keysOf: (resourceId: string) => readonly ActiveAccessKey[]
  /**
   * The keys that are tried where nothing says which resource is meant: those of the first
   * `candidateResourcesMax` resources, in the order in which they came.
   */
  readonly candidates: () => readonly ActiveAccessKey[]
  /** Gives a resource these keys and no others. */
  readonly put: (resourceId: string, keys: readonly ActiveAccessKey[]) => void
  readonly remove: (resourceId: string) => void
  /** Notes that a key has signed a request. */
  readonly noteUse: (key: ActiveAccessKey, atMs: number) => void
  /** When keys were last used since this was last asked. */
  readonly takeUses: () => ReadonlyMap<ActiveAccessKey, number>
}

/** Creates a ring: empty, or with the keys of these resources, in their order. */
export function createKeyRing(
  known: {
    readonly resources: readonly { readonly resourceId: string }[]
    readonly accessKeys: readonly ActiveAccessKey[]
  } = { resources: [], accessKeys: [] },
): KeyRing {
  const byResource = new Map<string, readonly ActiveAccessKey[]>()
  for (const { resourceId } of known.resources) byResource.set(resourceId, [])
  for (const key of known.accessKeys) {
    byResource.set(key.resourceId, [...(byResource.get(key.resourceId) ?? []), key])
  }
  let candidates: readonly ActiveAccessKey[] | undefined
  let uses = new Map<ActiveAccessKey, number>()
  return {
    keysOf: (resourceId) => byResource.get(resourceId) ?? [],
    candidates() {
      candidates ??= [...byResource.values()].slice(0, serverLimits.candidateResourcesMax).flat()
      return candidates
    },
    put(resourceId, keys) {
      byResource.set(resourceId, keys)
      candidates = undefined
    },
    remove(resourceId) {
      byResource.delete(resourceId)
      candidates = undefined
    },
    noteUse(key, atMs) {
      uses.set(key, atMs)
    },
    takeUses() {
      const taken = uses
      uses = new Map()
      return taken
    },
  }
}

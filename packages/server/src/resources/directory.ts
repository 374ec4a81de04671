import type { Resource } from './model.ts'

/** The resources that this process serves. */
export interface ResourceDirectory {
  readonly find: (resourceId: string) => Resource | undefined
  /** Finds by name, which is part of a host name and so has no case. */
  readonly findByName: (name: string) => Resource | undefined
  /** The resource that is meant where nothing names one: the first that came. */
  readonly first: () => Resource | undefined
  readonly list: () => Iterable<Resource>
  /** Adds a resource, or replaces what is known of it. */
  readonly put: (resource: Resource) => void
  readonly remove: (resourceId: string) => void
}

/** Creates a directory. */
export function createResourceDirectory(): ResourceDirectory {
  const byId = new Map<string, Resource>()
  const byName = new Map<string, Resource>()
  const remove = (resourceId: string) => {
    const known = byId.get(resourceId)
    if (known === undefined) return
    byId.delete(resourceId)
    byName.delete(known.name.toLowerCase())
  }
  return {
    find: (resourceId) => byId.get(resourceId),
    findByName: (name) => byName.get(name.toLowerCase()),
    first: () => byId.values().next().value,
    list: () => byId.values(),
    put(resource) {
      const known = byId.get(resource.resourceId)
      if (known !== undefined) byName.delete(known.name.toLowerCase())
      byId.set(resource.resourceId, resource)
      byName.set(resource.name.toLowerCase(), resource)
    },
    remove,
  }
}

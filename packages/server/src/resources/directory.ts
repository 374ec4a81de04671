import type { Resource } from './model.ts'

/** The resources that this process serves, by id. What is stored of them does not change. */
export interface ResourceDirectory {
  readonly find: (resourceId: string) => Resource | undefined
  readonly add: (resource: Resource) => void
}

/** Creates a directory. */
export function createResourceDirectory(): ResourceDirectory {
  const resources = new Map<string, Resource>()
  return {
    find: (resourceId) => resources.get(resourceId),
    add(resource) {
      resources.set(resource.resourceId, resource)
    },
  }
}

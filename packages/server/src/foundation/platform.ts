import { createGuidMaker, type NewGuid } from './guids.ts'
import type { WorldOutside } from './world-outside.ts'

/**
 * What the server takes from outside: time, chance, and ids made of both. It enters in the
 * composition root and is handed down, so that a test decides what time it is.
 */
export interface Platform extends WorldOutside {
  readonly newGuid: NewGuid
}

/** Completes what the world outside gives. */
export function createPlatform(outside: WorldOutside): Platform {
  return { ...outside, newGuid: createGuidMaker(outside) }
}

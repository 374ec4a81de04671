import type { ActiveAccessKey } from './model.ts'

/**
 * The access keys by which this process checks signatures. Issuing a token reads the key's
 * generation from the database once more, so a ring that lags never makes a live token.
 */
export interface KeyRing {
  /** Every key, in the order in which they were added. */
  readonly keys: () => readonly ActiveAccessKey[]
  readonly add: (keys: readonly ActiveAccessKey[]) => void
}

/** Creates a ring. */
export function createKeyRing(): KeyRing {
  let all: readonly ActiveAccessKey[] = []
  return {
    keys: () => all,
    add(keys) {
      all = [...all, ...keys]
    },
  }
}

/** Values by a key, of which the one that was not used for the longest time makes room. */
export interface RecentlyUsed<Value> {
  /** Finds a value; that is a use. */
  readonly find: (key: string) => Value | undefined
  readonly put: (key: string, value: Value) => void
}

/** Creates an empty memory of at most `entriesMax` values. */
export function createRecentlyUsed<Value>(entriesMax: number): RecentlyUsed<Value> {
  // A Map lists its keys in the order in which they were set.
  const values = new Map<string, Value>()
  function put(key: string, value: Value): void {
    values.delete(key)
    values.set(key, value)
    const [oldest] = values.keys()
    if (values.size > entriesMax && oldest !== undefined) values.delete(oldest)
  }
  return {
    find(key) {
      const value = values.get(key)
      if (value !== undefined) put(key, value)
      return value
    },
    put,
  }
}

/** Values by owner and key, of which there are at most so many, fairly shared among the owners. */
export interface FairMemory<Value> {
  /** Finds a value, or puts the one that is made; both are a use. */
  readonly findOrPut: (owner: string, key: string, make: () => Value) => Value
  readonly size: () => number
}

/**
 * Creates an empty memory.
 *
 * When it is full and an owner has more than an equal share, that owner's value which was not used
 * for the longest time makes room for its new one; else the owner's that has most. So whoever makes
 * up keys without end pushes out its own, and not those of others.
 */
export function createFairMemory<Value>(valuesMax: number): FairMemory<Value> {
  // A Map lists its keys in the order in which they were set.
  const owners = new Map<string, Map<string, Value>>()
  let size = 0
  /** The owner that has most, as far as that was noticed. */
  let largest = ''

  function makeRoom(owner: string): void {
    const share = valuesMax / owners.size
    const isOver = (owners.get(owner)?.size ?? 0) > share
    const loser = isOver ? owner : largest
    const values = owners.get(loser)
    const [oldest] = values?.keys() ?? []
    if (values === undefined || oldest === undefined) return
    values.delete(oldest)
    size -= 1
    if (values.size === 0) owners.delete(loser)
    if (loser === largest) largest = findLargest(owners, values.size, loser)
  }

  return {
    findOrPut(owner, key, make) {
      const values = owners.get(owner)
      const known = values?.get(key)
      if (values !== undefined && known !== undefined) {
        values.delete(key)
        values.set(key, known)
        return known
      }
      if (size >= valuesMax) makeRoom(owner)
      const value = make()
      const own = owners.get(owner) ?? new Map<string, Value>()
      owners.set(owner, own.set(key, value))
      size += 1
      if (own.size > (owners.get(largest)?.size ?? 0)) largest = owner
      return value
    },
    size: () => size,
  }
}

/** Owners looked at for one that has more; what is not found is found another time. */
const lookedAtMax = 64

function findLargest<Value>(
  owners: ReadonlyMap<string, ReadonlyMap<string, Value>>,
  size: number,
  known: string,
): string {
  let largest = known
  let most = size
  let lookedAt = 0
  for (const [owner, values] of owners) {
    if (values.size > most) {
      largest = owner
      most = values.size
    }
    lookedAt += 1
    if (lookedAt === lookedAtMax) break
  }
  return largest
}

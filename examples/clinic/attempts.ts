/** Says whether somebody may try once more. */
export type Attempts = (who: string) => boolean

const windowMs = 60_000
const rememberedMax = 10_000

/**
 * Counts attempts by the minute, for each who makes them. It is counted in this process: a real
 * app with several of them counts where all can see it.
 */
export function countAttempts(perMinute: number, now: () => number): Attempts {
  const counted = new Map<string, { count: number; readonly untilMs: number }>()
  return (who) => {
    const found = counted.get(who)
    if (found !== undefined && found.untilMs > now()) {
      found.count += 1
      return found.count <= perMinute
    }
    counted.delete(who)
    // The oldest goes, so that nobody can fill the memory with names.
    const [oldest = ''] = counted.keys()
    if (counted.size >= rememberedMax) counted.delete(oldest)
    counted.set(who, { count: 1, untilMs: now() + windowMs })
    return true
  }
}

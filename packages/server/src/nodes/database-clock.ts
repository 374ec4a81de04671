/** One look at the clock of the database; the node's own instants are monotonic. */
export interface ClockSample {
  readonly askedAtMs: number
  /** Milliseconds since the Unix epoch, read somewhere between the two others. */
  readonly databaseMs: number
  readonly answeredAtMs: number
}

/** What the clock of the database shows, as a node can know it without asking. */
export interface DatabaseClock {
  /** Whether it is time to look again. */
  readonly isDue: (monotonicMs: number) => boolean
  readonly note: (sample: ClockSample) => void
  /** `undefined` before the first look. */
  readonly at: (monotonicMs: number) => number | undefined
  /** By so much `at` may be wrong, either way: half the time that the best look took. */
  readonly errorMs: () => number
  /** Forgets everything: the database may be on another machine now. */
  readonly clear: () => void
}

/** Time between two looks, and how many are kept. */
const terms = { intervalMs: 2000, samplesMax: 8 }

/**
 * Creates the clock.
 *
 * Events carry the database's time because a commit has no other clock that all nodes can read. Of
 * the last looks the one that took the shortest time counts, as in NTP: its error is at most half
 * of that, some 0.1 ms on one machine. A step of the database's clock is wrong for 16 s at most.
 * Nothing is decided by it; what may be accepted is decided on monotonic clocks alone.
 *
 * @source RFC 5905 section 10, the clock filter.
 */
export function createDatabaseClock(): DatabaseClock {
  let samples: readonly ClockSample[] = []
  let best: ClockSample | undefined
  return {
    isDue(monotonicMs) {
      const last = samples.at(-1)
      return last === undefined || monotonicMs - last.askedAtMs >= terms.intervalMs
    },
    note(sample) {
      samples = [...samples, sample].slice(-terms.samplesMax)
      best = samples.reduce((one, other) => (tripMs(other) <= tripMs(one) ? other : one))
    },
    at(monotonicMs) {
      if (best === undefined) return undefined
      return best.databaseMs + monotonicMs - (best.askedAtMs + best.answeredAtMs) / 2
    },
    errorMs: () => (best === undefined ? 0 : tripMs(best) / 2),
    clear() {
      samples = []
      best = undefined
    },
  }
}

function tripMs({ askedAtMs, answeredAtMs }: ClockSample): number {
  return answeredAtMs - askedAtMs
}

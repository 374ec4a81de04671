/** Time and chance, as the world outside gives them. */
export interface WorldOutside {
  /** Wall clock, milliseconds since the Unix epoch, UTC. */
  readonly now: () => number
  /** Milliseconds on a clock of this machine that never goes back; only differences mean much. */
  readonly monotonicNow: () => number
  /** Random bytes fit for keys. */
  readonly randomBytes: (size: number) => Buffer
}

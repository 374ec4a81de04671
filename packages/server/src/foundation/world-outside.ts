/** Time and chance, as the world outside gives them. */
export interface WorldOutside {
  /** Wall clock, milliseconds since the Unix epoch, UTC. */
  readonly now: () => number
  /** Random bytes fit for keys. */
  readonly randomBytes: (size: number) => Buffer
}

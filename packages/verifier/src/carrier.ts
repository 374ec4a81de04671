/**
 * Hears what the servers say about a resource over a message broker rather than over a stream of
 * one of them. It may lose, repeat, delay and reorder: whoever listens notices.
 */
export interface Carrier {
  /** Listens until the line is closed. What goes wrong is silence, and is tried again. */
  readonly listen: (resourceId: string, ear: CarrierEar) => CarrierLine
}

/** Takes what comes, as text. */
export interface CarrierEar {
  /** Cut-offs that a server published. */
  readonly cutOffs: (text: string) => void
  /** How far a server knows everything. */
  readonly heartbeat: (text: string) => void
  /** A server's answer to a call. */
  readonly answer: (text: string) => void
}

/** A line that is open. */
export interface CarrierLine {
  /** Tells the servers that somebody listens; each of them answers with this text and its clock. */
  readonly call: (text: string) => void
  readonly close: () => void
}

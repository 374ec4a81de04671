/** Where a streamed reply is written. What is written after the end goes nowhere. */
export interface ReplyStream {
  /** A client that lets more than `serverLimits.streamBufferBytesMax` wait for it is cut off. */
  readonly write: (text: string | Buffer) => void
  readonly end: () => void
  /** Waits until the client has taken what was written, or has gone. */
  readonly drained: () => Promise<void>
  /** Breaks it off, so that the client sees that something is missing. */
  readonly abort: () => void
}

/** A reply that goes on until one of the two ends it; `http/` begins it and hands it over. */
export class StreamedReply {
  /** Called once, when the head was written; gives what is called once, when the reply is over. */
  readonly start: (stream: ReplyStream) => () => void
  constructor(start: (stream: ReplyStream) => () => void) {
    this.start = start
  }
}

/**
 * A streamed reply whose end says nothing: its client comes again whenever it ends. So it is not
 * cut into chunks whose last one says that it is whole, but ends with its connection: what is
 * written to thousands goes out as it is, in one piece each.
 *
 * @source RFC 9112 section 6.3, item 8 (a body that goes on until the connection ends).
 */
export class EndlessReply extends StreamedReply {}

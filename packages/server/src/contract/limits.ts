/**
 * Limits of the server: every body, queue, page and wait has one. Those that clients must know as
 * well stand in `@parley/protocol`. The reference page is printed from this table.
 */
export const serverLimits = {
  /** Bytes of a request body, identity operations. */
  bodyBytesMax: 64 * 1024,
  /** Bytes of a request body with up to 1,000 tokens of 8 KiB to introspect. */
  introspectionBodyBytesMax: 9 * 1024 * 1024,
  /** Bytes of request line and headers together; an access token has at most 8 KiB. */
  headerBytesMax: 16 * 1024,
  /** Characters of one decoded segment of a path; an identity has 79. */
  pathSegmentCharactersMax: 256,
  /** Time to receive a whole request, in milliseconds. */
  requestTimeoutMs: 30_000,
  /** Time that an idle connection is kept open, in milliseconds. */
  keepAliveTimeoutMs: 65_000,
  /** Requests worked on in one turn of the event loop. */
  requestsInTurnMax: 64,
  /** Questions in one statement. */
  asksInStatementMax: 512,
  /** Questions that wait for a statement; more are answered 503. */
  asksWaitingMax: 20_000,
  /** Resources whose access keys are tried where neither host nor path says which is meant. */
  candidateResourcesMax: 64,
  /** Characters of `x-ms-client-request-id` that are echoed. */
  clientRequestIdCharactersMax: 128,
  /** Seconds after which a refused caller may come again (`Retry-After`). */
  retryAfterSeconds: 1,
  /** How long an answered voiding may wait for other nodes, in milliseconds; a lease is 1,000. */
  confirmationTimeoutMs: 10_000,
  /** How long a request waits for a node that may be behind to catch up, in milliseconds. */
  currentWaitMs: 1000,
  /** Cut-offs read at once when a server starts. */
  cutOffsInPageMax: 50_000,
  /** Deletions that were not confirmed in time and are remembered for those who ask again. */
  unconfirmedMax: 10_000,
  /** Tokens whose verdict is remembered. */
  seenTokensMax: 20_000,
  /** Time between two rounds of house-keeping in the database, in milliseconds. */
  houseKeepingIntervalMs: 10 * 60 * 1000,
} as const

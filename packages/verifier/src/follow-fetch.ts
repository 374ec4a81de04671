/** What following asks for, a part of what `fetch` takes. */
export interface FollowRequest {
  readonly method: string
  readonly headers: Record<string, string>
  readonly signal: AbortSignal
  readonly redirect: 'error'
  readonly credentials: 'omit'
  readonly cache: 'no-store'
}

/** What following uses of a `Response`. */
export interface FollowAnswer {
  readonly status: number
  readonly body: FollowBody | null
  text(): Promise<string>
}

/** What following uses of a `ReadableStream`. */
export interface FollowBody {
  getReader(): FollowReader
  cancel(): Promise<unknown>
}

/** What following uses of the reader of one. */
export interface FollowReader {
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>
  cancel(): Promise<unknown>
}

/**
 * How following fetches: the platform's `fetch`, or anything that does as much of it. Bodies must
 * be handed over as they come, and the signal ends them.
 */
export type FollowFetch = (url: string, how: FollowRequest) => Promise<FollowAnswer>

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Route } from './routes.ts'

/** A request that arrived whole, and where its answer goes. */
export interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly route: Route
  readonly params: Readonly<Record<string, string>>
  readonly query: Readonly<Record<string, unknown>>
  readonly body: Buffer
  readonly scheme: 'http' | 'https'
}

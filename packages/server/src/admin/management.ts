import { createServer, type Server, type ServerResponse } from 'node:http'
import { ok, type Result } from '@parley/protocol'
import type { Metrics } from '../foundation/metrics.ts'
import { type AddressUnavailable, bindServer } from '../http/listener.ts'

/** The listener for operators, on loopback. */
export interface Management {
  /** `undefined` where there is none. */
  readonly port: number | undefined
  readonly close: () => Promise<void>
}

/** What operators can ask. */
export interface ManagementOptions {
  /** 0 takes any free port; `undefined`: there is no such listener. */
  readonly port: number | undefined
  readonly metrics: Pick<Metrics, 'contentType' | 'print'>
  /** Whether requests are served: the database answers and no stop is under way. */
  readonly isReady: () => Promise<boolean>
}

/**
 * Opens the management listener: `/metrics` (Prometheus text), `/livez` (the process runs) and
 * `/readyz` (it can serve; 503 when not). Nothing here needs a credential, so it binds loopback
 * only.
 *
 * @faults `address-unavailable` - the port is in use, or not allowed.
 */
export async function openManagement(
  options: ManagementOptions,
): Promise<Result<Management, AddressUnavailable>> {
  const { port } = options
  if (port === undefined) return ok({ port, close: async () => undefined })
  const server = createServer(async (request, response) => {
    switch (request.url) {
      case '/metrics':
        return send(response, 200, {
          type: options.metrics.contentType,
          text: await options.metrics.print(),
        })
      case '/livez':
        return send(response, 200, plain('live'))
      case '/readyz':
        return (await options.isReady())
          ? send(response, 200, plain('ready'))
          : send(response, 503, plain('not ready'))
      default:
        return send(response, 404, plain('not found'))
    }
  })
  const bound = await bindServer(server, { host: '127.0.0.1', port })
  if (!bound.ok) return bound
  return ok({ port: bound.value, close: () => closed(server) })
}

interface Content {
  readonly type: string
  readonly text: string
}

function plain(text: string): Content {
  return { type: 'text/plain; charset=utf-8', text: `${text}\n` }
}

function send(response: ServerResponse, status: number, content: Content): void {
  response.writeHead(status, { 'content-type': content.type }).end(content.text)
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}

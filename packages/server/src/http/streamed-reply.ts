import type { ServerResponse } from 'node:http'
import { serverLimits } from '../contract/limits.ts'
import type { StreamedReply } from '../contract/operation.ts'
import type { PrintedReply } from './reply.ts'

/** Headers of an event stream: nobody on the way may keep it, or hold it back. */
export const streamHeaders = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-store',
  'x-accel-buffering': 'no',
} as const

/**
 * Writes the head of a reply and lets its maker go on.
 *
 * What a client does not take waits in memory, and there may be thousands of clients: one that lets
 * too much wait is cut off and comes back when it can, rather than make all others wait.
 */
export function writeStreamedReply(
  response: ServerResponse,
  head: PrintedReply,
  { start }: StreamedReply,
): void {
  response.writeHead(head.status, head.headers).flushHeaders()
  const over = start({
    write(text) {
      if (response.writableEnded || response.destroyed) return
      response.write(text, 'utf8')
      if (response.writableLength > serverLimits.streamBufferBytesMax) response.destroy()
    },
    end() {
      response.end()
    },
  })
  if (response.destroyed || response.closed) over()
  else response.once('close', over)
}

import type { ServerResponse } from 'node:http'
import { serverLimits } from '../contract/limits.ts'
import type { ReplyContract } from '../contract/operation.ts'
import { EndlessReply, type StreamedReply } from '../contract/streamed-reply.ts'
import type { PrintedReply } from './reply.ts'

/** Headers of a stream: nobody on the way may keep it, or hold it back. */
const streamHeaders = {
  'cache-control': 'no-store',
  'x-accel-buffering': 'no',
} as const

/** The headers of a streamed reply. */
export function headersOf(contract: ReplyContract | undefined): Readonly<Record<string, string>> {
  return { 'content-type': contract?.streamOf ?? 'text/event-stream', ...streamHeaders }
}

/**
 * Writes the head of a reply and lets its maker go on.
 *
 * What a client does not take waits in memory, and there may be thousands of clients: one that lets
 * too much wait is cut off and comes back when it can, rather than make all others wait.
 */
export function writeStreamedReply(
  response: ServerResponse,
  head: PrintedReply,
  reply: StreamedReply,
): void {
  if (reply instanceof EndlessReply) {
    response.useChunkedEncodingByDefault = false
    response.shouldKeepAlive = false
  }
  response.writeHead(head.status, head.headers).flushHeaders()
  response.setTimeout(serverLimits.streamStalledMsMax, () => response.destroy())
  const over = reply.start({
    write(text) {
      if (response.writableEnded || response.destroyed) return
      if (typeof text === 'string') response.write(text, 'utf8')
      else response.write(text)
      if (response.writableLength > serverLimits.streamBufferBytesMax) response.destroy()
    },
    end() {
      response.end()
    },
    drained: () => drained(response),
    abort() {
      response.destroy()
    },
  })
  if (response.destroyed || response.closed) over()
  else response.once('close', over)
}

async function drained(response: ServerResponse): Promise<void> {
  if (response.closed || response.destroyed || !response.writableNeedDrain) return
  await new Promise<void>((resolve) => {
    const settle = () => {
      response.off('drain', settle).off('close', settle)
      resolve()
    }
    response.on('drain', settle).on('close', settle)
  })
}

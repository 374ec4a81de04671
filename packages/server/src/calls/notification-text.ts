/**
 * What nodes tell each other of calls, as PostgreSQL carries it: less than 8,000 bytes each.
 *
 * The first line names the resource, each other one a device: with what it is told, or only that
 * there is something to be read, or that it has another socket now. A star says that rooms of the
 * resource have changed in which there are calls, or that somebody who was called is deleted.
 */
import { isGuid } from '@parley/protocol'

/** One frame of a device. */
export interface FrameLine {
  readonly deviceId: string
  readonly seq: number
  readonly body: string
}

/** What a line says of a device. */
export type DeviceNotice =
  | ({ readonly kind: 'frame' } & FrameLine)
  | { readonly kind: 'read'; readonly deviceId: string }
  | { readonly kind: 'taken'; readonly deviceId: string; readonly sessionId: string }

/** What a line says. */
export type CallNotice = DeviceNotice | { readonly kind: 'changed' }

const bytesMax = 7900

/** Prints frames, in as few texts as they fit in. */
export function printFrames(resourceId: string, frames: readonly FrameLine[]): readonly string[] {
  const texts: string[] = []
  let text = resourceId
  let bytes = text.length
  for (const { deviceId, seq, body } of frames) {
    const whole = `\n${deviceId} ${seq} ${body}`
    const isTooLong = Buffer.byteLength(whole) + resourceId.length > bytesMax
    const line = isTooLong ? `\n${deviceId}` : whole
    const size = Buffer.byteLength(line)
    if (bytes + size > bytesMax) {
      texts.push(text)
      text = resourceId
      bytes = text.length
    }
    text += line
    bytes += size
  }
  return bytes === resourceId.length ? texts : [...texts, text]
}

/** Prints that a device has another socket. */
export function printTaken(resourceId: string, deviceId: string, sessionId: string): string {
  return `${resourceId}\n${deviceId}!${sessionId}`
}

const linePattern = /^([0-9a-f-]{36})(?:!([0-9a-f-]{36})| ([0-9]{1,16}) (\{.*\}))?$/

/** Reads a text; `undefined` for what no server of ours writes. */
export function parseNotices(
  text: string,
): { readonly resourceId: string; readonly notices: readonly CallNotice[] } | undefined {
  const [resourceId = '', ...lines] = text.split('\n')
  if (!isGuid(resourceId)) return undefined
  const notices: CallNotice[] = []
  for (const line of lines) {
    if (line === '*') {
      notices.push({ kind: 'changed' })
      continue
    }
    const [isMatch, deviceId = '', sessionId, seq, body] = linePattern.exec(line) ?? []
    if (isMatch === undefined) return undefined
    if (sessionId !== undefined) notices.push({ kind: 'taken', deviceId, sessionId })
    else if (body !== undefined) notices.push({ kind: 'frame', deviceId, seq: Number(seq), body })
    else notices.push({ kind: 'read', deviceId })
  }
  return { resourceId, notices }
}

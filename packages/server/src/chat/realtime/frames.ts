/**
 * The framing of socket.io 0.9, as far as the client of the SDK speaks it: `type:id:endpoint:data`.
 *
 * @source socket.io protocol 1 (socket.io 0.9); contracts/README.md section 7.5.
 */

/** A frame that a client sent. */
export type ClientFrame =
  | { readonly kind: 'disconnect' | 'heartbeat' | 'other' }
  /** The answer to a delivery; its text is JSON with the delivery's `id`. */
  | { readonly kind: 'message'; readonly text: string }
  /** An event; with an `ackId` the client waits to be told that it arrived. */
  | { readonly kind: 'event'; readonly ackId: string | undefined }

const framePattern = /^([0-8]):([0-9]{0,15}\+?):[^:]{0,64}(?::([\s\S]*))?$/

/** Reads a frame; `undefined` for what is none. */
export function parseFrame(text: string): ClientFrame | undefined {
  const found = framePattern.exec(text)
  if (found === null) return undefined
  const [, type, id = '', data = ''] = found
  switch (type) {
    case '0':
      return { kind: 'disconnect' }
    case '2':
      return { kind: 'heartbeat' }
    case '3':
    case '4':
      return { kind: 'message', text: data }
    case '5':
      return { kind: 'event', ackId: id.endsWith('+') ? id.slice(0, -1) : undefined }
    default:
      return { kind: 'other' }
  }
}

/** Reads the number of the delivery that a message answers; `undefined` for anything else. */
export function parseAnswer(text: string): number | undefined {
  try {
    const value: unknown = JSON.parse(text)
    const id = (value as { readonly id?: unknown } | null)?.id
    return Number.isSafeInteger(id) ? (id as number) : undefined
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    return undefined
  }
}

/** Frames that never change. */
export const frames = {
  connected: '1::',
  heartbeat: '2::',
  noop: '8::',
} as const

/** Says that the session is ready, and for how many seconds it may last. */
export function printReady(ttlSeconds: number): string {
  const event = { name: 'trouter.connected', args: [{ dur: '1', ttl: ttlSeconds }] }
  return `5:::${JSON.stringify(event)}`
}

/** Says that an event arrived. */
export function printAck(ackId: string): string {
  return `6:::${ackId}+[]`
}

const mark = '\ufffd'

/** Puts frames into one body of a long poll; a single one stands for itself. */
export function printPayload(all: readonly string[]): string {
  const [first = frames.noop] = all
  if (all.length < 2) return first
  return all.map((frame) => `${mark}${frame.length}${mark}${frame}`).join('')
}

/** Reads the frames of a body; `undefined` where lengths do not add up. */
export function parsePayload(body: string): readonly string[] | undefined {
  if (!body.startsWith(mark)) return [body]
  const found: string[] = []
  for (let at = 0; at < body.length; ) {
    const end = body.indexOf(mark, at + 1)
    const digits = body.slice(at + 1, end)
    if (body[at] !== mark || end === -1 || !/^[0-9]{1,7}$/.test(digits)) return undefined
    const start = end + 1
    at = start + Number(digits)
    if (at > body.length) return undefined
    found.push(body.slice(start, at))
  }
  return found
}

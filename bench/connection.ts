import { connect as connectPlain, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'

/** Where requests go. */
export interface Endpoint {
  readonly protocol: 'http:' | 'https:'
  readonly host: string
  readonly port: number
}

/** An answer, as far as the bench looks at it. */
export interface Reply {
  readonly status: number
  readonly body: Buffer
}

/** How long an answer may be on its way before the connection counts as broken. */
const silenceMsMax = 30_000

/** Reads the endpoint out of a URL. */
export function parseEndpoint(url: string): Endpoint {
  const { protocol, hostname, port } = new URL(url)
  if (protocol !== 'http:' && protocol !== 'https:') throw new TypeError(`not http(s): ${protocol}`)
  return { protocol, host: hostname, port: Number(port) || (protocol === 'http:' ? 80 : 443) }
}

/** The authority of an endpoint, as in the `Host` header. */
export function printAuthority(endpoint: Endpoint): string {
  return `${endpoint.host}:${endpoint.port}`
}

/**
 * A kept-alive connection that takes requests as bytes, one at a time.
 *
 * It knows just enough of HTTP/1.1 to see where an answer ends, so that the generator stays cheaper
 * than every server it loads and costs the same for each.
 */
export class Connection {
  readonly #socket: Socket
  #received: Buffer[] = []
  #receivedBytes = 0
  #awaitedBytes = 0
  #onReply: ((reply: Reply) => void) | undefined
  #onFailure: (error: Error) => void

  private constructor(socket: Socket, onFailure: (error: Error) => void) {
    this.#socket = socket
    this.#onFailure = onFailure
    socket.setNoDelay(true)
    socket.setTimeout(silenceMsMax, () => this.#onFailure(new Error('the server fell silent')))
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
    socket.on('error', (error) => this.#onFailure(error))
    socket.on('close', () => this.#onFailure(new Error('the server closed the connection')))
  }

  /**
   * Connects; over TLS the certificate is not checked, since trust is not what is measured.
   *
   * @param onFailure - told once when the connection breaks, before or after it stood.
   */
  static open(endpoint: Endpoint, onFailure: (error: Error) => void): Promise<Connection> {
    const { protocol, host, port } = endpoint
    const isTls = protocol === 'https:'
    return new Promise((resolve, reject) => {
      const socket = isTls
        ? connectTls({ host, port, rejectUnauthorized: false })
        : connectPlain({ host, port })
      const connection = new Connection(socket, reject)
      socket.once(isTls ? 'secureConnect' : 'connect', () => {
        connection.#onFailure = onFailure
        resolve(connection)
      })
    })
  }

  /** Sends a request; the next one may be sent from within `onReply`. */
  exchange(request: Buffer, onReply: (reply: Reply) => void): void {
    this.#onReply = onReply
    this.#socket.write(request)
  }

  /** Ends the connection without a word. */
  close(): void {
    this.#onFailure = () => undefined
    this.#socket.destroy()
  }

  #take(chunk: Buffer): void {
    this.#received.push(chunk)
    this.#receivedBytes += chunk.length
    // Large answers come in many pieces: join them once the length promises that they are all here.
    if (this.#receivedBytes < this.#awaitedBytes) return
    const bytes = this.#received.length === 1 ? chunk : Buffer.concat(this.#received)
    this.#received = [bytes]
    const answer = readReply(bytes)
    if (typeof answer === 'number') {
      this.#awaitedBytes = answer
      return
    }
    const onReply = this.#onReply
    this.#received = []
    this.#receivedBytes = 0
    this.#awaitedBytes = 0
    this.#onReply = undefined
    if (onReply === undefined) this.#onFailure(new Error('an answer that nobody asked for'))
    else onReply(answer)
  }
}

/** Sends one request over a connection of its own and waits for its answer. */
export async function exchangeOnce(endpoint: Endpoint, request: Buffer): Promise<Reply> {
  let fail: (error: Error) => void = () => undefined
  const failure = new Promise<never>((_, reject) => {
    fail = reject
  })
  const connection = await Connection.open(endpoint, fail)
  const reply = new Promise<Reply>((resolve) => connection.exchange(request, resolve))
  try {
    return await Promise.race([reply, failure])
  } finally {
    connection.close()
  }
}

/** The answer in `bytes`, or how many bytes it will have at least when it is not all here. */
function readReply(bytes: Buffer): Reply | number {
  const headEnd = bytes.indexOf('\r\n\r\n')
  if (headEnd < 0) return 0
  const head = bytes.toString('latin1', 0, headEnd)
  const status = Number(head.slice(9, 12))
  const bodyStart = headEnd + 4
  const length = /^content-length: *(\d+)/im.exec(head)?.[1]
  if (length !== undefined) {
    const end = bodyStart + Number(length)
    return bytes.length < end ? end : { status, body: bytes.subarray(bodyStart, end) }
  }
  if (!/^transfer-encoding: *chunked/im.test(head)) return { status, body: Buffer.alloc(0) }
  const isWhole = bytes.toString('latin1', bytes.length - 5) === '0\r\n\r\n'
  return isWhole ? { status, body: joinChunks(bytes.subarray(bodyStart)) } : bytes.length + 1
}

function joinChunks(bytes: Buffer): Buffer {
  const parts: Buffer[] = []
  let position = 0
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', position)
    const size = Number.parseInt(bytes.toString('latin1', position, lineEnd), 16)
    if (!(size > 0)) return Buffer.concat(parts)
    parts.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + size))
    position = lineEnd + 2 + size + 2
  }
}

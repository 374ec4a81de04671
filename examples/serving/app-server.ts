import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { NodeHandler } from '@parley/trusted-service'
import type { Page } from './page.ts'

/** A request of the page, read. */
export interface Asked {
  /** The session cookie, as it was set. */
  readonly session: string | undefined
  /** What the page keeps of a session for its own window (`Authorization: Bearer`). */
  readonly window: string | undefined
  /** From where the request comes. */
  readonly address: string
  /** The body's JSON object; empty for a GET. */
  readonly body: Readonly<Record<string, unknown>>
}

/** What the page is answered. */
export interface Reply {
  readonly status: number
  readonly body?: object
  /** Sets the session cookie; an empty text takes it away. */
  readonly session?: string
}

/** What is behind a method and a path, such as `POST /app/sign-in`. */
export type Route = (asked: Asked) => Reply | Promise<Reply>

/** What a server of an example consists of. */
export interface AppServerOptions {
  readonly port: number
  readonly page: Page
  /** Origin of the service: the only other one that the page may call. */
  readonly endpoint: string
  /** Answers `/api/...`. */
  readonly tokens?: NodeHandler
  /** Answers all else but the page itself. */
  readonly routes: Readonly<Record<string, Route>>
}

/** A server that listens. */
export interface AppServer {
  readonly url: string
  close(): Promise<void>
}

const cookieName = 'session'
const bodyBytesMax = 16_384

/** Serves one page, the token endpoint and the app's own routes, on loopback. */
export async function startAppServer(options: AppServerOptions): Promise<AppServer> {
  const server = createServer((request, response) => {
    answer(options, request, response).catch((error: unknown) => {
      console.error(error)
      if (!response.headersSent) response.writeHead(500, { 'content-type': 'application/json' })
      response.end('{}')
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(options.port, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  return { url: `http://localhost:${port}/`, close: () => close(server) }
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}

async function answer(
  options: AppServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { pathname } = new URL(request.url ?? '/', 'http://localhost')
  const { tokens } = options
  if (tokens !== undefined && pathname.startsWith('/api/')) return tokens(request, response)
  const file = fileOf(options.page, pathname)
  if (file !== undefined) {
    const headers = { ...pageHeaders(options.endpoint), 'content-type': file.type }
    response.writeHead(200, headers).end(file.text)
    return
  }
  const reply = await replyTo(options, request, pathname)
  const { status, body, session } = reply
  response.setHeader('cache-control', 'no-store')
  if (session !== undefined) response.setHeader('set-cookie', cookieFor(session))
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body ?? {}))
}

async function replyTo(
  { routes }: AppServerOptions,
  request: IncomingMessage,
  pathname: string,
): Promise<Reply> {
  const { method = 'GET' } = request
  const route = routes[`${method} ${pathname}`]
  if (route === undefined) return { status: 404 }
  if (method !== 'GET' && !isOwnPage(request)) return { status: 403 }
  const body = method === 'GET' ? {} : await readBody(request)
  if (body === undefined) return { status: 400 }
  const address = request.socket.remoteAddress ?? ''
  const { cookie, authorization } = request.headers
  const window = authorization?.replace('Bearer ', '')
  return route({ session: sessionIn(cookie), window, address, body })
}

function fileOf(page: Page, pathname: string): { type: string; text: string } | undefined {
  switch (pathname) {
    case '/':
      return { type: 'text/html; charset=utf-8', text: page.html }
    case '/main.js':
      return { type: 'text/javascript; charset=utf-8', text: page.script }
    case '/style.css':
      return { type: 'text/css; charset=utf-8', text: page.style }
    default: {
      const text = page.pictures[pathname]
      return text === undefined ? undefined : { type: 'image/svg+xml', text }
    }
  }
}

/** The page runs its own script alone, and talks to its server and to the service alone. */
function pageHeaders(endpoint: string): Readonly<Record<string, string>> {
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    `connect-src 'self' ${endpoint} ${endpoint.replace(/^http/, 'ws')}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ]
  return {
    'content-security-policy': policy.join('; '),
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-cache',
  }
}

/** Cookies go along with what other pages cause; the browser says who has caused it. */
function isOwnPage({ headers }: IncomingMessage): boolean {
  const site = headers['sec-fetch-site']
  return site === undefined ? headers.origin === `http://${headers.host}` : site === 'same-origin'
}

async function readBody(
  request: IncomingMessage,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  const chunks: Buffer[] = []
  let byteCount = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    byteCount += chunk.length
    if (byteCount > bodyBytesMax) return undefined
    chunks.push(chunk)
  }
  try {
    const value: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'))
    return typeof value === 'object' && value !== null ? { ...value } : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

/** Not `Secure`, as this listens on loopback without TLS; an app on the web adds it. */
function cookieFor(session: string): string {
  const end = session === '' ? '; Max-Age=0' : ''
  return `${cookieName}=${session}; Path=/; HttpOnly; SameSite=Strict${end}`
}

/** The session cookie in a `Cookie` header. */
export function sessionIn(header: string | null | undefined): string | undefined {
  const pairs = (header ?? '').split(/; */)
  const found = pairs.find((pair) => pair.startsWith(`${cookieName}=`))
  return found?.slice(cookieName.length + 1) || undefined
}

/**
 * The token endpoint as Chromium meets it: its own page, a page that is named, and a page that has
 * the user's cookie sent along and may not.
 */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { createTokenEndpoint, nodeHandler, uncachedTokens } from '@parley/trusted-service'
import type { createTokenRefresher } from '@parley/trusted-service/client'
import { type Browser, chromium, type Page } from 'playwright-core'
import { claimsOf } from '../calls.ts'
import { type App, openApp } from '../rooms/trusted/app.ts'
import { databaseKinds } from '../rooms/trusted/databases.ts'

const { CHROMIUM_PATH: executablePath = '/usr/bin/chromium' } = process.env
const skip = existsSync(executablePath) ? false : `no Chromium at ${executablePath}`
if (skip !== false) console.log(`skipped: the token endpoint in a browser (${skip})`)

const built = new URL('../../../packages/trusted-service/dist/', import.meta.url)
const page = `<!doctype html><meta charset="utf-8"><title>app</title>
<script type="module">
  import * as client from '/client.js'
  globalThis.client = client
</script>`

/** What a page has under `globalThis`. */
interface Loaded {
  readonly client: { readonly createTokenRefresher: typeof createTokenRefresher }
}

type Handle = (request: IncomingMessage, response: ServerResponse) => unknown

/** A page with the client half; another host of the same site has the same cookies. */
async function serve(api: Handle): Promise<{ readonly server: Server; readonly origin: string }> {
  const server = createServer((request, response) => {
    const path = request.url ?? '/'
    if (path.startsWith('/api/')) return api(request, response)
    const [, file] = /^\/((?:client|platform|browser)\.js)$/.exec(path) ?? []
    if (file !== undefined) {
      response.writeHead(200, { 'content-type': 'text/javascript' })
      return response.end(readFileSync(new URL(file, built)))
    }
    if (path !== '/') return response.writeHead(404).end()
    const headers = { 'content-type': 'text/html', 'set-cookie': 'session=ada; HttpOnly' }
    return response.writeHead(200, headers).end(page)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { server, origin: `http://localhost:${(server.address() as AddressInfo).port}` }
}

// Playwright writes the functions out as text, so they take nothing from around them.
async function refreshInPage(url: string): Promise<string> {
  const { createTokenRefresher } = (globalThis as unknown as Loaded).client
  try {
    return await createTokenRefresher({ url, credentials: 'include' })()
  } catch (error) {
    return String(error)
  }
}

async function deleteInPage(url: string): Promise<string> {
  try {
    const { status } = await fetch(url, { method: 'DELETE', credentials: 'include' })
    return String(status)
  } catch {
    return 'kept from reading the answer'
  }
}

async function postInPage(url: string): Promise<string> {
  const { status, type } = await fetch(url, {
    method: 'POST',
    mode: 'no-cors',
    credentials: 'include',
  })
  return `${type} ${status}`
}

describe('the token endpoint in Chromium', { skip }, () => {
  let app: App
  let browser: Browser
  const servers: Server[] = []
  const statuses: number[] = []
  let pages: { readonly own: Page; readonly named: Page; readonly foreign: Page }
  let api: string

  before(async () => {
    const [kind] = databaseKinds
    assert.ok(kind !== undefined)
    app = await openApp(kind, 'one-to-one')
    const named = await serve((_, response) => response.writeHead(404).end())
    const foreign = await serve((_, response) => response.writeHead(404).end())
    const endpoint = createTokenEndpoint({
      mapping: app.mapping(),
      tokens: uncachedTokens(app.service.client),
      allowedOrigins: [named.origin],
      audit: ({ status }) => void statuses.push(status),
      authenticate: async (request) => {
        const user = /session=(\w+)/.exec(request.headers.get('cookie') ?? '')?.[1]
        return user === undefined ? undefined : { kind: 'user', user }
      },
    })
    const own = await serve(nodeHandler(endpoint))
    servers.push(own.server, named.server, foreign.server)
    api = `${own.origin}/api`
    const args = ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run']
    browser = await chromium.launch({ executablePath, args })
    const context = await browser.newContext()
    const open = async (origin: string) => {
      const opened = await context.newPage()
      await opened.goto(origin)
      await opened.waitForFunction(() => 'client' in globalThis)
      return opened
    }
    pages = {
      own: await open(own.origin),
      named: await open(named.origin),
      foreign: await open(foreign.origin),
    }
  })

  after(async () => {
    await browser?.close()
    for (const server of servers) server.close()
  })

  test('gives a token to its own page, and to one that is named, for a cookie', async () => {
    const tokens = [
      await pages.own.evaluate(refreshInPage, '/api/token'),
      await pages.named.evaluate(refreshInPage, `${api}/token`),
    ]
    const identity = await app.mapping().findIdentity('ada')
    assert.deepEqual(
      tokens.map((token) => claimsOf(token).sub),
      [identity, identity],
    )
  })

  test('gives a foreign page nothing and does nothing for it, cookie or not', async () => {
    const identity = await app.mapping().findIdentity('ada')
    statuses.length = 0
    const { foreign } = pages
    assert.match(await foreign.evaluate(refreshInPage, `${api}/token`), /Failed to fetch/)
    assert.equal(
      await foreign.evaluate(deleteInPage, `${api}/user`),
      'kept from reading the answer',
    )
    assert.equal(await foreign.evaluate(postInPage, `${api}/user`), 'opaque 0')
    // What is preflighted is refused there; what is not, at the request itself.
    assert.deepEqual(statuses, [403, 403, 403])
    assert.equal(await app.mapping().findIdentity('ada'), identity)
  })

  test('the server half ends the page that loads it', async () => {
    const load = "import('/browser.js').then(() => 'loaded', (error) => error.message)"
    assert.match(await pages.own.evaluate<string>(load), /was imported for a browser/)
  })
})

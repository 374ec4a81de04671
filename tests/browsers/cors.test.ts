/**
 * What a page of another origin can do with a resource, in a browser that judges by itself.
 */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { type Browser, chromium, type Page } from 'playwright-core'
import { createIdentity, issueToken } from '../calls.ts'
import { newDataDir, startWorld, type Tenant, type World } from '../world.ts'

const { CHROMIUM_PATH: executablePath = '/usr/bin/chromium' } = process.env
const skip = existsSync(executablePath) ? false : `no Chromium at ${executablePath}`
if (skip !== false) console.log(`skipped: pages of other origins (${skip}; set CHROMIUM_PATH)`)

/** What a page can see of an answer. */
interface Seen {
  readonly status: number
  readonly location: string | null
  readonly retryAfter: string | null
  readonly requestId: string | null
}

interface Asked {
  readonly url: string
  readonly method: string
  readonly token?: string
}

// Playwright writes the function out as text, so it takes nothing from around it.
async function askInPage({ url, method, token }: Asked): Promise<Seen | string> {
  try {
    const headers: Record<string, string> = { 'content-type': 'application/json' }
    if (token !== undefined) headers['authorization'] = `Bearer ${token}`
    const body = method === 'GET' ? {} : { body: '{"topic":"Lunch"}' }
    const answer = await fetch(url, { method, headers, ...body })
    return {
      status: answer.status,
      location: answer.headers.get('location'),
      retryAfter: answer.headers.get('retry-after'),
      requestId: answer.headers.get('x-ms-request-id'),
    }
  } catch (error) {
    return String(error)
  }
}

const refusedByBrowser = 'TypeError: Failed to fetch'
const rates = { 'chat-thread-create-or-delete': [{ per: 'user', max: 1, seconds: 3600 }] }

describe('a page of another origin in Chromium', { skip }, () => {
  let world: World
  let pages: Server
  let browser: Browser
  let page: Page
  let tenant: Tenant
  let token: string

  before(async () => {
    world = await startWorld(newDataDir(), { PARLEY_RATE_LIMITS: JSON.stringify(rates) })
    tenant = await world.createTenant()
    token = await issueToken(tenant, await createIdentity(tenant))
    pages = createServer((_request, response) => response.end('<!doctype html><title>app</title>'))
    await new Promise<void>((resolve) => pages.listen(0, '127.0.0.1', resolve))
    const args = ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run']
    browser = await chromium.launch({ executablePath, args })
    page = await browser.newPage()
    await page.goto(`http://127.0.0.1:${(pages.address() as AddressInfo).port}/`)
  })

  after(async () => {
    await browser?.close()
    pages?.close()
    await world?.stop()
  })

  const ask = (asked: Omit<Asked, 'url'>, path = '/chat/threads?api-version=2025-03-15') =>
    page.evaluate(askInPage, { ...asked, url: world.origin + path })

  test('chats with an access token, and reads what clients need of the answers', async () => {
    const created = await ask({ method: 'POST', token })
    assert.ok(typeof created !== 'string', String(created))
    assert.equal(created.status, 201)
    assert.match(created.location ?? '', /\/chat\/threads\/19%3A/)
    assert.match(created.requestId ?? '', /^[0-9a-f-]{36}$/)
    const refused = await ask({ method: 'POST', token })
    assert.ok(typeof refused !== 'string', String(refused))
    assert.equal(refused.status, 429)
    assert.match(refused.retryAfter ?? '', /^[0-9]+$/)
    const unknown = await ask({ method: 'GET', token: 'none' })
    assert.equal(typeof unknown === 'string' ? unknown : unknown.status, 401)
  })

  test('does nothing as the owner', async () => {
    const path = '/identities?api-version=2023-10-01'
    assert.equal(await ask({ method: 'POST' }, path), refusedByBrowser)
  })

  test('does nothing once the owner allows others only, and again when he allows it', async () => {
    const set = (userOrigins: readonly string[]) =>
      tenant.call({ method: 'PUT', path: '/parley/cors', body: { userOrigins } })
    const others = [...(await everyoneElse(world)), tenant]
    for (const one of others) {
      const body = { userOrigins: ['https://else.example'] }
      assert.equal((await one.call({ method: 'PUT', path: '/parley/cors', body })).status, 200)
    }
    // Another query, so that no preflight of before is remembered.
    const path = '/chat/threads?api-version=2024-03-07'
    assert.equal(await ask({ method: 'GET', token }, path), refusedByBrowser)
    await set([new URL(page.url()).origin])
    const seen = await ask({ method: 'GET', token }, path)
    assert.equal(typeof seen === 'string' ? seen : seen.status, 200)
  })
})

/** One name stands for all resources of this server, the first one among them. */
async function everyoneElse(world: World): Promise<readonly Tenant[]> {
  const { connectionString = '' } = world.reachable
  const name = new URL(/endpoint=([^;]+)/.exec(connectionString)?.[1] ?? '').host
  const key = /accesskey=(.+)$/.exec(connectionString)?.[1] ?? ''
  const primaryKey = Buffer.from(key, 'base64')
  return [
    world.adoptTenant({
      resourceId: '',
      name,
      connectionString,
      primaryKey,
      secondaryKey: primaryKey,
    }),
  ]
}

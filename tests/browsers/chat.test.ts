/**
 * The unmodified browser build of `@azure/communication-chat` in Chromium: two people in two pages
 * are told what happens, come back after their sockets were closed, and are cut off for good.
 */
import assert from 'node:assert/strict'
import { createHash, X509Certificate } from 'node:crypto'
import { existsSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { connect } from 'node:tls'
import { fileURLToPath } from 'node:url'
import type { ChatClient } from '@azure/communication-chat'
import type { AzureCommunicationTokenCredential } from '@azure/communication-common'
import {
  startTemporaryPostgres,
  type TemporaryPostgres,
} from '@parley/server/database/embedded/temporary-postgres'
import { build } from 'esbuild'
import { type Browser, chromium, type Page } from 'playwright-core'
import { createIdentity, issueToken, postRevoke } from '../calls.ts'
import { messageOf, tell } from '../chat-sockets.ts'
import { control, createResource, newPlace, type Place, resourcePath } from '../control-plane.ts'
import { newDataDir, startWorld, type Tenant, type World } from '../world.ts'

const { CHROMIUM_PATH: executablePath = '/usr/bin/chromium' } = process.env
const skip = existsSync(executablePath) ? false : `no Chromium at ${executablePath}`
if (skip !== false) console.log(`skipped: chat in a browser (${skip}; set CHROMIUM_PATH)`)

const tests = fileURLToPath(new URL('../../', import.meta.url))
const program = `
  export { ChatClient } from '@azure/communication-chat'
  export { AzureCommunicationTokenCredential } from '@azure/communication-common'
`

const names = [
  'chatMessageReceived',
  'chatMessageEdited',
  'chatMessageDeleted',
  'typingIndicatorReceived',
  'readReceiptReceived',
  'chatThreadCreated',
  'chatThreadPropertiesUpdated',
  'chatThreadDeleted',
  'participantsAdded',
  'participantsRemoved',
] as const

/** What the page has under `globalThis`. */
interface Loaded {
  readonly sdk: {
    readonly ChatClient: typeof ChatClient
    readonly AzureCommunicationTokenCredential: typeof AzureCommunicationTokenCredential
  }
  client: ChatClient
  /** Every event that a listener has got, in order. */
  heard: { readonly name: string; readonly event: unknown }[]
}

/** Serves one page with the SDK in it. */
async function serve(): Promise<Server> {
  const bundled = await build({
    stdin: { contents: program, resolveDir: tests },
    bundle: true,
    write: false,
    format: 'iife',
    globalName: 'sdk',
    platform: 'browser',
    logLevel: 'silent',
  })
  const [script] = bundled.outputFiles
  const page = '<!doctype html><meta charset="utf-8"><title>chat</title><script src="/sdk.js">'
  return createServer((request, response) => {
    const isScript = request.url === '/sdk.js'
    const type = isScript ? 'text/javascript' : 'text/html'
    response.writeHead(200, { 'content-type': type })
    response.end(isScript ? script?.text : `${page}</script>`)
  })
}

/** Names the key of a server as Chromium takes it, so that no other certificate passes. */
function keyPrintOf(port: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(
      { host: '127.0.0.1', port: Number(port), rejectUnauthorized: false },
      () => {
        const { raw } = socket.getPeerCertificate()
        const key = new X509Certificate(raw).publicKey.export({ type: 'spki', format: 'der' })
        socket.destroy()
        resolve(createHash('sha256').update(key).digest('base64'))
      },
    )
    socket.on('error', reject)
  })
}

// Playwright writes the functions out as text, so they take nothing from around them.
async function startInPage(given: {
  readonly endpoint: string
  readonly token: string
  readonly names: readonly string[]
}): Promise<void> {
  const page = globalThis as unknown as Loaded
  const credential = new page.sdk.AzureCommunicationTokenCredential(given.token)
  page.client = new page.sdk.ChatClient(given.endpoint, credential)
  page.heard = []
  const listen = (name: string) => {
    const listener = (event: unknown) => void page.heard.push({ name, event })
    page.client.on(name as 'chatMessageReceived', listener)
  }
  await page.client.startRealtimeNotifications()
  for (const name of [...given.names, 'realTimeNotificationConnected']) listen(name)
  listen('realTimeNotificationDisconnected')
}

async function createInPage(given: {
  readonly topic: string
  readonly people: readonly { readonly id: string; readonly displayName: string }[]
}): Promise<string> {
  const { client } = globalThis as unknown as Loaded
  const participants = given.people.map(({ id, displayName }) => ({
    id: { communicationUserId: id },
    displayName,
  }))
  const retentionPolicy = { kind: 'threadCreationDate', deleteThreadAfterDays: 60 } as const
  const { chatThread } = await client.createChatThread(
    { topic: given.topic },
    { participants, retentionPolicy, metadata: { colour: 'blue' } },
  )
  return chatThread?.id ?? ''
}

/** Does everything that somebody can be told of. */
async function doAllInPage(given: {
  readonly thread: string
  readonly guest: string
}): Promise<string> {
  const { client } = globalThis as unknown as Loaded
  const thread = client.getChatThreadClient(given.thread)
  const content = 'Grüße, 100%\n"quoted"'
  const { id } = await thread.sendMessage(
    { content },
    { senderDisplayName: 'Ann %', metadata: { a: '1%' } },
  )
  await thread.updateMessage(id, { content: 'edited' })
  await thread.sendTypingNotification({ senderDisplayName: 'Ann %' })
  await thread.sendReadReceipt({ chatMessageId: id })
  await thread.updateTopic('50% off')
  const guest = { communicationUserId: given.guest }
  await thread.addParticipants({ participants: [{ id: guest, displayName: 'Guest' }] })
  await thread.removeParticipant(guest)
  await thread.deleteMessage(id)
  await client.deleteChatThread(given.thread)
  return id
}

const heardInPage = (name: string) =>
  (globalThis as unknown as Loaded).heard.filter((one) => one.name === name).length

describe('chat in Chromium', { skip }, () => {
  let outside: TemporaryPostgres
  let world: World
  let other: World
  let tenant: Tenant
  let server: Server
  let browser: Browser
  let place: Place

  before(async () => {
    outside = await startTemporaryPostgres(60)
    const { username, host, port, database } = outside.postgres.connection
    const settings = {
      PARLEY_DATABASE_URL: `postgres://${username}@/${database}?host=${host}&port=${port}`,
      PARLEY_MASTER_KEY: Buffer.alloc(32, 4).toString('base64'),
      PARLEY_ISSUER: 'https://parley.example',
    }
    world = await startWorld(newDataDir(), settings)
    other = await startWorld(newDataDir(), settings)
    place = await newPlace(world)
    tenant = await createResource(world, place)
    server = await serve()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const prints = [world, other].map((node) => keyPrintOf(new URL(node.parley.endpoint).port))
    const trust = `--ignore-certificate-errors-spki-list=${(await Promise.all(prints)).join()}`
    const args = ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', trust]
    browser = await chromium.launch({ executablePath, args })
  })

  after(async () => {
    await browser?.close()
    server?.close()
    await other?.stop()
    await world?.stop()
    await outside?.close()
  })

  interface Opening {
    readonly way?: 'websocket' | 'polling'
    readonly node?: World
    /** Whose page it is; absent: somebody new. */
    readonly id?: string
  }

  /** A page of somebody whose notifications are connected. */
  async function openPage({ way = 'websocket', node = world, id: known }: Opening = {}) {
    const id = known ?? (await createIdentity(tenant))
    const token = await issueToken(tenant, id)
    const page = await (await browser.newContext()).newPage()
    if (way === 'polling') await page.addInitScript('delete globalThis.WebSocket')
    const { port } = server.address() as AddressInfo
    await page.goto(`http://localhost:${port}/`)
    const endpoint = node.parley.endpoint.slice(0, -1)
    const given = { endpoint, token, names }
    await page.evaluate(startInPage, given)
    await heard(page, 'realTimeNotificationConnected', 1)
    return { id, page, startAgain: () => page.evaluate(startInPage, given) }
  }

  /** Waits until a page has got so many events of a name. */
  async function heard(page: Page, name: string, count: number): Promise<void> {
    const enough = ([wanted, least]: [string, number]) =>
      (globalThis as unknown as Loaded).heard.filter((one) => one.name === wanted).length >= least
    await page.waitForFunction(enough, [name, count] as [string, number], { timeout: 30_000 })
  }

  const eventsOf = (page: Page) => page.evaluate(() => (globalThis as unknown as Loaded).heard)

  for (const way of ['websocket', 'polling'] as const) {
    test(`tells two people of all ten events, by ${way}`, async () => {
      const [ann, bob] = [await openPage({ way }), await openPage({ way })]
      const guest = await createIdentity(tenant)
      const people = [{ id: bob.id, displayName: 'Bob 100%' }]
      const thread = await ann.page.evaluate(createInPage, { topic: '100% %41 ü', people })
      await heard(bob.page, 'chatThreadCreated', 1)
      const id = await ann.page.evaluate(doAllInPage, { thread, guest })
      for (const { page, id: recipient } of [ann, bob]) {
        await heard(page, 'chatThreadDeleted', 1)
        const events = (await eventsOf(page)) as {
          readonly name: string
          readonly event: Readonly<Record<string, unknown>>
        }[]
        const counts = names.map((name) => events.filter((one) => one.name === name).length)
        assert.deepEqual(
          counts,
          names.map(() => 1),
        )
        const of = (name: string) => events.find((one) => one.name === name)?.event ?? {}
        const message = of('chatMessageReceived')
        assert.deepEqual(message['recipient'], {
          kind: 'communicationUser',
          communicationUserId: recipient,
        })
        assert.equal(message['message'], 'Grüße, 100%\n"quoted"')
        assert.deepEqual(message['metadata'], { a: '1%' })
        assert.deepEqual([message['id'], message['senderDisplayName']], [id, 'Ann %'])
        assert.equal(of('chatMessageEdited')['message'], 'edited')
        assert.equal(of('readReceiptReceived')['chatMessageId'], id)
        const created = of('chatThreadCreated')
        assert.deepEqual(created['properties'], {
          topic: '100% %41 ü',
          metadata: { colour: 'blue' },
        })
        assert.deepEqual(created['retentionPolicy'], {
          kind: 'threadCreationDate',
          deleteThreadAfterDays: 60,
        })
        const members = created['participants'] as { readonly displayName: string }[]
        assert.ok(members.some(({ displayName }) => displayName === 'Bob 100%'))
        assert.equal(of('chatThreadDeleted')['reason'], 'deletedByUser')
      }
    })
  }

  test('tells every device of a person, on whatever node, and nobody else', async () => {
    const ann = await openPage()
    const bob = await openPage()
    const { id } = bob
    const devices = [ann, bob, await openPage({ id }), await openPage({ id, node: other })]
    const eve = await openPage({ node: other })
    const guest = await createIdentity(tenant)
    const people = [{ id, displayName: 'Bob' }]
    const thread = await ann.page.evaluate(createInPage, { topic: 'T', people })
    await ann.page.evaluate(doAllInPage, { thread, guest })
    for (const { page } of devices) {
      await heard(page, 'chatThreadDeleted', 1)
      const counts: number[] = []
      for (const name of names) counts.push(await page.evaluate(heardInPage, name))
      assert.deepEqual(
        counts,
        names.map(() => 1),
      )
    }
    await tell(world, { recipients: [eve.id] }, messageOf(eve.id, 'only for her'))
    await heard(eve.page, 'chatMessageReceived', 1)
    const told = (await eventsOf(eve.page)).filter(({ name }) => !name.startsWith('realTime'))
    assert.deepEqual(
      told.map(({ name }) => name),
      ['chatMessageReceived'],
    )
  })

  test('connects again by itself, and hears what was said meanwhile', async () => {
    const ann = await openPage()
    const said = (text: string) => tell(world, { recipients: [ann.id] }, messageOf(ann.id, text))
    // Whoever is told that the resource has changed has to come again.
    const body = { tags: { purpose: 'test' } }
    const patched = await control(world, { method: 'PATCH', path: resourcePath(place), body })
    assert.equal(patched.status, 200)
    await said('while away')
    await heard(ann.page, 'chatMessageReceived', 1)
    await said('afterwards')
    await heard(ann.page, 'chatMessageReceived', 2)
    assert.equal(await ann.page.evaluate(heardInPage, 'chatMessageReceived'), 2)
  })

  test('is over for somebody whose tokens were revoked', async () => {
    const [ann, bob] = [await openPage(), await openPage()]
    await postRevoke(tenant, bob.id)
    const recipients = [ann.id, bob.id]
    await tell(world, { recipients }, messageOf(ann.id, 'without him'))
    await heard(ann.page, 'chatMessageReceived', 1)
    await heard(bob.page, 'realTimeNotificationDisconnected', 1)
    assert.equal(await bob.page.evaluate(heardInPage, 'chatMessageReceived'), 0)
    await assert.rejects(bob.startAgain(), /Status: 401/)
  })
})

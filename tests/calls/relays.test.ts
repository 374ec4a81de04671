/**
 * Relays with a real coturn that finds its users in the server's database: who is let in, what goes
 * over it, and when it ends for somebody who does not want it to.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { Log } from '@parley/server/foundation/log'
import { readSettings } from '@parley/server/foundation/settings'
import { turnPlaceOf } from '@parley/server/foundation/turn-place'
import { type CommandLine, openCommandLine } from '@parley/server/relays/coturn-cli'
import { createEnding } from '@parley/server/relays/ending'
import { type Browser, chromium, type Page } from 'playwright-core'
import {
  closeCallSockets,
  eventually,
  join,
  newCaller,
  type ReadyClient,
  start,
} from '../call-sockets.ts'
import { openTown, type Town } from '../calling-pages.ts'
import { createIdentity, deleteIdentity, postRevoke, postToken } from '../calls.ts'
import { control, createResource, newPlace, resourcePath } from '../control-plane.ts'
import { namespaceAddress } from '../tiers/namespace.ts'
import { newDataDir, send, startWorld, type Tenant, type World } from '../world.ts'
import {
  type CoturnPlace,
  chooseCoturnPlace,
  commandLinePassword,
  startCoturn,
} from './coturn-process.ts'
import { type Daemon, freePort, lacks, programs } from './daemons.ts'
import {
  answerInPage,
  describeInPage,
  type Gathered,
  type GivenServer,
  gatherInPage,
  hearingInPage,
} from './relay-in-page.ts'

const path = '/networkTraversal/:issueRelayConfiguration?api-version=2022-03-01-preview'
const skip = lacks('relays', 'coturn', 'chromium')

describe('a relay', { skip }, () => {
  let world: World
  let place: CoturnPlace
  let coturn: Daemon
  let browser: Browser
  let origin = ''
  const site = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>r</title>')
  })

  before(async () => {
    place = await chooseCoturnPlace()
    world = await startWorld(newDataDir(), { ...place.variables, PARLEY_DOMAIN: 'parley.test' })
    coturn = await startCoturn(place, world.db)
    const autoplay = '--autoplay-policy=no-user-gesture-required'
    const media = ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream']
    const args = [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--no-first-run',
      ...media,
      autoplay,
    ]
    browser = await chromium.launch({ executablePath: programs.chromium, args })
    await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve))
    origin = `http://localhost:${(site.address() as AddressInfo).port}/`
  })
  after(async () => {
    closeCallSockets()
    await browser?.close()
    site.close()
    await world?.stop()
  })

  async function openLine(): Promise<CommandLine> {
    const where = { host: '127.0.0.1', port: place.commandLinePort }
    const opened = await openCommandLine(where, commandLinePassword)
    assert.ok(opened.ok, JSON.stringify(opened))
    return opened.value
  }

  async function openPage(): Promise<Page> {
    const page = await (await browser.newContext()).newPage()
    await page.goto(origin)
    return page
  }

  async function ask(tenant: Tenant, body: object = {}): Promise<GivenServer> {
    const answer = await tenant.call({ method: 'POST', path, body })
    assert.equal(answer.status, 200, answer.text)
    return serverIn(answer.body)
  }

  function serverIn(body: unknown): GivenServer {
    const [server] = (body as { readonly iceServers: readonly GivenServer[] }).iceServers
    assert.ok(server !== undefined)
    return server
  }

  async function gather(page: Page, server: GivenServer): Promise<Gathered> {
    return page.evaluate(gatherInPage, server)
  }

  /** How many sessions coturn has of a user. */
  async function sessionsOf({ username = '' }: GivenServer): Promise<number> {
    const line = await openLine()
    const listed = await line.list(username)
    line.close()
    assert.ok(listed.ok, JSON.stringify(listed))
    return listed.value.sessions.length
  }

  async function untilNone(server: GivenServer): Promise<void> {
    await eventually(
      () => sessionsOf(server),
      (count) => count === 0,
    )
  }

  test('lets in whom it was issued to, by UDP and by TCP', async () => {
    const page = await openPage()
    const server = await ask(await world.createTenant())
    const { candidates } = await gather(page, server)
    assert.ok(candidates.length >= 2, JSON.stringify(candidates))
    assert.ok(candidates.every((one) => one.includes(' typ relay ')))
    assert.ok((await sessionsOf(server)) >= 2)
    assert.doesNotMatch(coturn.said(), /ERROR/)
  })

  test('gives no candidate to whom it does not know, nor for a wrong password', async () => {
    const page = await openPage()
    const tenant = await world.createTenant()
    const id = await createIdentity(tenant)
    const good = await ask(tenant)
    const withdrawn = await ask(tenant, { id })
    assert.ok((await gather(page, withdrawn)).candidates.length > 0)
    await postRevoke(tenant, id)
    const bad = {
      expired: await ask(tenant, { ttl: 0 }),
      withdrawn,
      forged: { ...good, credential: `${good.credential?.slice(1)}A` },
      unknown: { ...good, username: good.username?.toUpperCase() ?? '' },
      other: { ...good, credential: (await ask(tenant)).credential ?? '' },
    }
    for (const [name, server] of Object.entries(bad)) {
      const { candidates, errors } = await gather(page, server)
      assert.deepEqual(candidates, [], name)
      assert.ok(errors.includes(401), `${name}: ${errors}`)
    }
    assert.ok((await gather(page, good)).candidates.length > 0)
  })

  test('leads nobody into networks that are denied to it', async () => {
    const { username = '', credential = '' } = await ask(await world.createTenant())
    const reach = async (peer: string) => {
      const given = ['-u', username, '-w', credential, '-e', peer, '-r', '9', '-n', '1', '-c']
      const port = String(place.port)
      const child = spawn('turnutils_uclient', [...given, '-p', port, namespaceAddress])
      let said = ''
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (said += text))
      const ended = once(child, 'exit')
      await Promise.race([ended, delay(2000)])
      child.kill('SIGKILL')
      await ended
      return said
    }
    assert.match(await reach('192.168.1.1'), /403/)
    assert.match(await reach('172.16.0.1'), /403/)
    assert.doesNotMatch(await reach(namespaceAddress), /403/)
  })

  /** Two legs of a call, whose pages know of each other by hand and obey nobody. */
  async function twoOverRelays() {
    const tenant = await world.createTenant()
    const body = { hideAddresses: true }
    await tenant.call({ method: 'PUT', path: '/parley/calling', body })
    const [ann, ben] = [await newCaller(world, tenant), await newCaller(world, tenant)]
    const sockets: readonly [ReadyClient, ReadyClient] = [await ann.connect(), await ben.connect()]
    const started = await start(sockets[0], [ben.id])
    await sockets[1].next('call.incoming')
    const accepted = await join(sockets[1], { type: 'call.accept', callId: started.callId })
    assert.deepEqual(
      [started, accepted].map((one) => one.iceTransportPolicy),
      ['relay', 'relay'],
    )
    const servers = [serverIn(started), serverIn(accepted)] as const
    const pages = [await openPage(), await openPage()] as const
    const offer = await pages[0].evaluate(describeInPage, [servers[0], undefined] as const)
    const answer = await pages[1].evaluate(describeInPage, [servers[1], offer] as const)
    await pages[0].evaluate(answerInPage, answer)
    for (const page of pages) {
      await eventually(
        () => page.evaluate(hearingInPage),
        ({ energy }) => energy > 0.01,
      )
    }
    return { tenant, ann, ben, sockets, servers, pages, callId: started.callId }
  }

  test('carries sound both ways between legs that send over nothing else', async () => {
    const { pages, servers } = await twoOverRelays()
    for (const page of pages) {
      assert.equal((await page.evaluate(hearingInPage)).way, 'relay relay')
    }
    for (const server of servers) assert.ok((await sessionsOf(server)) > 0)
  })

  test('ends for whose tokens are revoked, though the pages do not care', async () => {
    const figures: number[] = []
    for (let round = 0; round < 3; round++) {
      const { tenant, ann, servers, pages } = await twoOverRelays()
      assert.equal((await postRevoke(tenant, ann.id)).status, 204)
      const answeredAtMs = Date.now()
      await untilNone(servers[0])
      const ended = await pages[1].evaluate(hearingInPage)
      await delay(1000)
      const later = await pages[1].evaluate(hearingInPage)
      assert.ok(later.packets - ended.packets <= 5, JSON.stringify([ended, later]))
      assert.ok(later.lastPacketAtMs - answeredAtMs < 2000, JSON.stringify(later))
      figures.push(Math.round(later.lastPacketAtMs - answeredAtMs))
      assert.deepEqual((await gather(pages[0], servers[0])).candidates, [])
    }
    figures.sort((one, other) => one - other)
    console.log(`last packet after a revocation was answered, in ms: median ${figures[1]}`)
  })

  test('ends for a leg that leaves, and not for the other one', async () => {
    const { sockets, servers, callId } = await twoOverRelays()
    await sockets[0].ask({ type: 'call.leave', callId })
    await untilNone(servers[0])
  })

  test('ends with its identity, and with its resource', async () => {
    const [own, page] = [await newPlace(world), await openPage()]
    const tenant = await createResource(world, own)
    const id = await createIdentity(tenant)
    const ofIdentity = await ask(tenant, { id })
    await gather(page, ofIdentity)
    assert.ok((await sessionsOf(ofIdentity)) > 0)
    assert.equal((await deleteIdentity(tenant, id)).status, 204)
    await untilNone(ofIdentity)
    const ofResource = await ask(tenant)
    await gather(page, ofResource)
    assert.ok((await sessionsOf(ofResource)) > 0)
    const deleted = await control(world, { method: 'DELETE', path: resourcePath(own) })
    assert.ok(deleted.status < 300)
    await untilNone(ofResource)
  })

  test('ends when the one token is denied that it was asked for with', async () => {
    const [tenant, page] = [await world.createTenant(), await openPage()]
    const id = await createIdentity(tenant)
    const { body } = await postToken(tenant, id, { scopes: ['voip'] })
    const headers = { authorization: `Bearer ${body.token}` }
    const server = serverIn((await send(world.origin, { method: 'POST', path, headers })).body)
    await gather(page, server)
    assert.ok((await sessionsOf(server)) > 0)
    const denied = { targets: [{ token: body.token }] }
    await tenant.call({ method: 'POST', path: '/parley/revocations', body: denied })
    await untilNone(server)
  })

  /** What a server would do that has these relays, with what it has said. */
  function endingHere(variables: Readonly<Record<string, string>> = place.variables) {
    const settings = readSettings(variables)
    assert.ok(settings.ok)
    const turn = turnPlaceOf(settings.value)
    assert.ok(turn !== undefined)
    const said: string[] = []
    const log = { warn: (_: object, text: string) => said.push(text) } as unknown as Log
    const complaints: string[] = []
    const error = (_: object, text: string) => complaints.push(text)
    const ending = createEnding({ db: world.db, turn, log: { ...log, error } as unknown as Log })
    const count = (name: string) =>
      ending.numbers.find((one) => one.name === `parley_relay_${name}_total`)?.read()
    return { ending, said, complaints, count }
  }

  test('ends for whom everybody has forgotten, when all is compared', async () => {
    const [tenant, page] = [await world.createTenant(), await openPage()]
    const [forgotten, kept] = [await ask(tenant), await ask(tenant)]
    for (const server of [forgotten, kept]) await gather(await openPage(), server)
    await gather(page, forgotten)
    await world.db`delete from relay_user where user_name = ${forgotten.username ?? ''}`
    const { ending, said } = endingHere()
    await ending.compare()
    await untilNone(forgotten)
    assert.ok((await sessionsOf(kept)) > 0)
    assert.deepEqual(said.length, 1)
    await ending.compare()
    assert.deepEqual(said.length, 1)
  })

  test('is missed, in the log and a number, where a leg that needs it has no session', async () => {
    const { resourceId } = await world.createTenant()
    const user = { resourceId, userName: 'nobody', isForced: true }
    const { ending, said, count } = endingHere()
    await ending.end([{ ...user, isForced: false }], false)
    await ending.end([user], true)
    assert.deepEqual([said.length, count('legs_without_session')], [0, 0])
    await ending.end([user], false)
    assert.deepEqual([said.length, count('legs_without_session')], [1, 1])
  })

  test('that does not answer is told of, and its users are kept to be ended later', async () => {
    const tenant = await world.createTenant()
    const { username = '' } = await ask(tenant)
    const { resourceId } = tenant
    await world.db`
      update relay_user
      set withdrawn_at = ${new Date(Date.now() + 3_600_000)}
      where resource_id = ${resourceId}`
    const rows = () => world.db`select from relay_user where resource_id = ${resourceId}`
    const user = { resourceId, userName: username, isForced: false }
    const wrong = [
      { ...place.variables, PARLEY_TURN_CLI: `127.0.0.1:${await freePort()}` },
      { ...place.variables, PARLEY_TURN_CLI_PASSWORD: 'another' },
    ]
    for (const variables of wrong) {
      const { ending, complaints, count } = endingHere(variables)
      await ending.end([user], false)
      assert.deepEqual([complaints.length, count('failures')], [1, 1])
      assert.equal((await rows()).length, 1)
    }
    await endingHere().ending.end([user], false)
    assert.equal((await rows()).length, 0)
  })

  test('shows more sessions than it is set to show, once it is told to', async () => {
    const tenant = await world.createTenant()
    const asked = await openLine()
    await gather(await openPage(), await ask(tenant))
    const all = await asked.list()
    assert.ok(all.ok && all.value.sessions.length > 1 && !all.value.isCut, JSON.stringify(all))
    asked.close()
  })

  describe('between people with @parley/calling', () => {
    let town: Town
    before(async () => {
      town = await openTown(programs.chromium)
    })
    after(() => town.close())

    test('is all that those see of each other who hide their addresses', async () => {
      const tenant = await world.createTenant()
      const body = { hideAddresses: true }
      await tenant.call({ method: 'PUT', path: '/parley/calling', body })
      const open = async () => {
        const id = await createIdentity(tenant)
        const getToken = async () => (await postToken(tenant, id, { scopes: ['voip'] })).body.token
        return town.open({ id, endpoint: world.origin, getToken })
      }
      const [ann, ben] = [await open(), await open()]
      assert.deepEqual([await ann.connect(), await ben.connect()], ['ready', 'ready'])
      await ann.call([ben.id])
      await ben.accept()
      await Promise.all([ann.hears(1), ben.hears(1)])
      for (const { page } of [ann, ben]) {
        await page.evaluate('globalThis.peer = peers.at(-1)')
        assert.equal((await page.evaluate(hearingInPage)).way, 'relay relay')
      }
      await postRevoke(tenant, ann.id)
      await ben.isAlone()
    })
  })
})

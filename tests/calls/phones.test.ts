/** Calls to and from phones: browsers, a real Janus, a real kamailio, and a trunk with a phone. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { createIdentity } from '../calls.ts'
import { namespaceAddress } from '../tiers/namespace.ts'
import { newDataDir, startWorld, type Tenant, type World } from '../world.ts'
import { type Daemon, lacks } from './daemons.ts'
import { type JanusProcess, janusSecrets, startJanus } from './janus-process.ts'
import { edgeAccount, edgePort, startKamailio } from './kamailio-process.ts'
import { openTalkers, type Talker } from './phone-page.ts'
import { openPhone, type SipPhone } from './sip-phone.ts'
import { issuedToken } from './voip-token.ts'

const trunks = { phone: `${namespaceAddress}:5080`, dead: '10.99.0.7:5060' } as const
const number = '+14255550100'
const own = '+14255550199'
const start = { type: 'call.start', to: [`4:${number}`], media: 'audio' }

describe('phones', { skip: lacks('calls to phones', 'chromium', 'janus', 'kamailio') }, () => {
  let janus: JanusProcess
  let kamailio: Daemon
  let world: World
  let talkers: Awaited<ReturnType<typeof openTalkers>>
  let phone: SipPhone

  before(async () => {
    kamailio = await startKamailio(Object.values(trunks))
    janus = await startJanus()
    const { user, password } = edgeAccount
    world = await startWorld(newDataDir(), {
      PARLEY_DOMAIN: 'parley.test',
      PARLEY_SIP_EDGE: `sip:${user}:${password}@${namespaceAddress}:${edgePort}`,
      PARLEY_SIP_JANUS_URL: janus.url,
      PARLEY_SIP_JANUS_SECRET: janusSecrets.api,
    })
    talkers = await openTalkers()
    phone = await openPhone(5080)
  })

  after(async () => {
    phone?.close()
    await talkers?.close()
    await world?.stop()
    await janus?.kill()
    await kamailio?.kill()
  })

  const put = async (tenant: Tenant, path: string, body: object) => {
    const answer = await tenant.call({ method: 'PUT', path, body })
    assert.ok(answer.status < 300, answer.text)
  }

  const route = async (tenant: Tenant, wanted: readonly string[]) => {
    const named = wanted.map((trunk) => trunk.split(':') as [string, string])
    const body = {
      trunks: Object.fromEntries(named.map(([host, port]) => [host, { sipSignalingPort: +port }])),
      routes: [{ name: 'all', numberPattern: '^\\+1', trunks: named.map(([host]) => host) }],
    }
    const path = '/sip?api-version=2023-03-01'
    const headers = { 'content-type': 'application/merge-patch+json' }
    const answer = await tenant.call({ method: 'PATCH', path, body, headers })
    assert.equal(answer.status, 200, answer.text)
  }

  /** Somebody of a new resource which may call phones. */
  async function enabled(...wanted: readonly string[]) {
    const tenant = await world.createTenant()
    const identity = await createIdentity(tenant)
    await put(tenant, `/parley/phoneNumbers/${own}`, { identity })
    await put(tenant, '/parley/phoneSettings', { pstnEnabled: true, countries: ['+1'] })
    await route(tenant, wanted.length === 0 ? [trunks.phone] : wanted)
    const giveUp = () => tenant.call({ method: 'DELETE', path: `/parley/phoneNumbers/${own}` })
    return { tenant, identity, giveUp }
  }

  async function talker(tenant: Tenant, identity: string): Promise<Talker> {
    const url = `${world.origin.replace('http', 'ws')}/calling/ws`
    return talkers.open(url, await issuedToken(tenant, identity))
  }

  test('a browser dials a phone, both are heard, and the browser hangs up', async () => {
    const { tenant, identity, giveUp } = await enabled()
    const ann = await talker(tenant, identity)
    const since = performance.now()
    const joined = await ann.talk(start)
    assert.deepEqual([joined.type, joined.engine], ['call.joined', 'phone'])
    const invited = await phone.hears(/^INVITE/, since)
    assert.match(invited.text, new RegExp(`From:.*\\${own}@`))
    await ann.hears('participant.joined')
    await ann.listens()
    assert.ok(phone.heard.length > 50)
    await ann.ask({ type: 'call.leave', callId: joined.callId })
    const { atMs } = await phone.hears(/^BYE/, since)
    assert.ok(phone.heard.every((at) => at < atMs + 500))
    await giveUp()
    await ann.close()
  })
})

/** Calls to and from phones: browsers, a real Janus, a real kamailio, and a trunk with a phone. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { createIdentity, postRevoke } from '../calls.ts'
import { namespaceAddress } from '../tiers/namespace.ts'
import { newDataDir, startWorld, type Tenant, type World } from '../world.ts'
import { type Daemon, lacks } from './daemons.ts'
import { type JanusProcess, janusSecrets, startJanus } from './janus-process.ts'
import { edgeAccount, edgePort, startKamailio } from './kamailio-process.ts'
import { openTalkers, type Talker, type Told } from './phone-page.ts'
import { openPhone, type SipPhone } from './sip-phone.ts'
import { issuedToken } from './voip-token.ts'

const trunks = { phone: `${namespaceAddress}:5080`, dead: '10.99.0.7:5060' } as const
const number = '+14255550100'
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

  let ownCount = 1000

  /** Somebody of a new resource which may call phones. */
  async function enabled(...wanted: readonly string[]) {
    const tenant = await world.createTenant()
    const identity = await createIdentity(tenant)
    ownCount += 1
    const own = `+1425555${String(ownCount).padStart(4, '0')}`
    await put(tenant, `/parley/phoneNumbers/${own}`, { identity })
    await put(tenant, '/parley/phoneSettings', { pstnEnabled: true, countries: ['+1'] })
    await route(tenant, wanted.length === 0 ? [trunks.phone] : wanted)
    return { tenant, identity, own }
  }

  async function talker(tenant: Tenant, identity: string): Promise<Talker> {
    const url = `${world.origin.replace('http', 'ws')}/calling/ws`
    return talkers.open(url, await issuedToken(tenant, identity))
  }

  test('a browser dials a phone, both are heard, and the browser hangs up', async () => {
    const { tenant, identity, own } = await enabled()
    const ann = await talker(tenant, identity)
    const since = performance.now()
    const joined = await ann.talk(start)
    assert.deepEqual([joined.type, joined.engine], ['call.joined', 'phone'])
    const invited = await phone.hears(/^INVITE/, since)
    assert.match(invited.text, new RegExp(`From:.*\\${own}@`))
    await ann.hears('participant.joined')
    await ann.listens()
    assert.ok(phone.heard.length > 10)
    await ann.ask({ type: 'call.leave', callId: joined.callId })
    const { atMs } = await phone.hears(/^BYE/, since)
    assert.ok(phone.heard.every((at) => at < atMs + 500))
    await ann.close()
  })

  test('a browser dials a phone, which hangs up', async () => {
    const { tenant, identity } = await enabled()
    const ann = await talker(tenant, identity)
    await ann.talk(start)
    await ann.listens()
    await phone.hangUp()
    assert.equal((await ann.hears('call.ended')).reason, 'disconnected')
    await ann.close()
  })

  test('a phone that is busy is not there, and no other trunk is asked', async () => {
    const { tenant, identity } = await enabled(trunks.phone, trunks.dead)
    const ann = await talker(tenant, identity)
    const since = performance.now()
    phone.manner = 486
    await ann.talk(start)
    const { atMs } = await phone.hears(/^INVITE/, since)
    await ann.hears('call.ended')
    phone.manner = 'answer'
    // The other one would have been given three seconds.
    assert.ok(performance.now() - atMs < 2900)
    await ann.close()
  })

  for (const [what, trunk] of [
    ['says nothing', trunks.dead],
    ['the edge does not know', '10.99.0.8:5060'],
  ] as const) {
    test(`a trunk that ${what} is passed over`, async () => {
      const { tenant, identity } = await enabled(trunk, trunks.phone)
      const ann = await talker(tenant, identity)
      const since = performance.now()
      const { callId } = await ann.talk(start)
      await phone.hears(/^INVITE/, since)
      await ann.hears('participant.joined')
      await ann.listens()
      await ann.ask({ type: 'call.leave', callId })
      await phone.hears(/^BYE/, since)
      await ann.close()
    })
  }

  test('who leaves while it rings, rings no more', async () => {
    const { tenant, identity } = await enabled()
    const ann = await talker(tenant, identity)
    phone.manner = 'ring'
    const since = performance.now()
    const { callId } = await ann.talk(start)
    await phone.hears(/^INVITE/, since)
    await ann.ask({ type: 'call.cancel', callId })
    await phone.hears(/^CANCEL/, since)
    phone.manner = 'answer'
    await ann.close()
  })

  test('a revoked identity is cut off: BYE, and silence within half a second', async () => {
    const { tenant, identity } = await enabled()
    const ann = await talker(tenant, identity)
    const since = performance.now()
    await ann.talk(start)
    await ann.listens()
    assert.equal((await postRevoke(tenant, identity)).status, 204)
    const answeredAt = performance.now()
    const bye = await phone.hears(/^BYE/, since)
    assert.equal((await ann.hears('closed')).code, '4401')
    const { count } = await ann.packets()
    await new Promise((resolve) => setTimeout(resolve, 1000))
    assert.ok(bye.atMs - answeredAt < 500, `BYE after ${bye.atMs - answeredAt} ms`)
    const last = phone.heard.at(-1) ?? 0
    assert.ok(last - answeredAt < 500, `the last packet after ${last - answeredAt} ms`)
    assert.ok((await ann.packets()).count - count < 25)
    await ann.close()
  })

  test('tones reach the phone', async () => {
    const { tenant, identity } = await enabled()
    const ann = await talker(tenant, identity)
    const since = performance.now()
    const { callId } = await ann.talk(start)
    await ann.listens()
    assert.equal((await ann.ask({ type: 'dtmf', callId, digits: '5' })).type, 'done')
    const { text } = await phone.hears(/^INFO/, since)
    assert.match(text, /Signal=5/)
    await ann.ask({ type: 'call.leave', callId })
    await ann.close()
  })

  test('a phone that calls rings all devices; the first has it, and both are heard', async () => {
    const { tenant, identity, own } = await enabled()
    const [one, two] = [await talker(tenant, identity), await talker(tenant, identity)]
    await phone.call(own, number)
    const [rung, also] = await Promise.all([one.hears('call.incoming'), two.hears('call.incoming')])
    assert.deepEqual([rung.from, rung.callId], [`4:${number}`, also.callId])
    const { callId } = rung
    assert.equal((await one.talk({ type: 'call.accept', callId })).type, 'call.joined')
    assert.equal((await two.hears('call.cancelled')).reason, 'answeredElsewhere')
    assert.equal((await two.ask({ type: 'call.accept', callId })).code, 'CallNotRinging')
    await one.listens()
    const before = phone.heard.length
    assert.ok(before > 5)
    await phone.hangUp()
    await one.hears('call.ended')
    await one.close()
    await two.close()
  })

  test('a phone that calls hears that it was declined', async () => {
    const { tenant, identity, own } = await enabled()
    const ann = await talker(tenant, identity)
    const since = performance.now()
    await phone.call(own, number)
    const { callId } = await ann.hears('call.incoming')
    await ann.ask({ type: 'call.reject', callId })
    await phone.hears(/^SIP\/2.0 4/, since)
    await ann.close()
  })

  test('a phone that calls a number of nobody is told so', async () => {
    const since = performance.now()
    await phone.call('+14255559999', number)
    await phone.hears(/^SIP\/2.0 404/, since)
  })

  test('a resource that is not enabled calls nobody', async () => {
    const { tenant, identity } = await enabled()
    await put(tenant, '/parley/phoneSettings', {})
    const ann = await talker(tenant, identity)
    const invited = phone.told.filter(({ line }) => line.startsWith('INVITE')).length
    const { code, detail } = await ann.talk(start)
    assert.deepEqual([code, detail], ['PhoneUnavailable', 'not-enabled'])
    assert.equal(phone.told.filter(({ line }) => line.startsWith('INVITE')).length, invited)
    await ann.close()
  })

  test('of three calls at once a cap of one lets one through', async () => {
    const { tenant, identity } = await enabled()
    const settings = { pstnEnabled: true, countries: ['+1'], concurrentMax: 1 }
    await put(tenant, '/parley/phoneSettings', settings)
    const all = await Promise.all([1, 2, 3].map(() => talker(tenant, identity)))
    const atOnce = `new Promise((go) => setTimeout(go, ${Date.now() + 500} - Date.now()))
      .then(() => ask(${JSON.stringify(start)}))`
    const answers = await Promise.all(all.map(({ page }) => page.evaluate<Told>(atOnce)))
    const told = answers.map(({ type, code, detail }) => [type, code, detail].join(' ').trim())
    assert.deepEqual(told.toSorted(), [
      'call.joined',
      ...['error TooMany concurrent', 'error TooMany concurrent'],
    ])
    for (const one of all) await one.close()
  })

  test('a call is ended when it has lasted as long as it may, and is charged', async () => {
    const { tenant, identity } = await enabled()
    const settings = { pstnEnabled: true, countries: ['+1'], durationSecondsMax: 2 }
    await put(tenant, '/parley/phoneSettings', settings)
    const ann = await talker(tenant, identity)
    const since = performance.now()
    await ann.talk(start)
    await ann.hears('participant.joined')
    const { atMs } = await phone.hears(/^ACK/, since)
    const bye = await phone.hears(/^BYE/, since)
    assert.ok(Math.abs(bye.atMs - atMs - 2000) < 700, `ended after ${bye.atMs - atMs} ms`)
    await ann.hears('call.ended')
    const path = '/usage?meter=call-phone-seconds'
    const { value } = (await tenant.call({ method: 'GET', path })).body as unknown as {
      value: readonly { readonly quantity: number }[]
    }
    const [{ quantity } = { quantity: 0 }] = value
    // Whole seconds: of two that a timer has measured, one may be short by a millisecond.
    assert.ok(quantity === 1 || quantity === 2, String(quantity))
    await ann.close()
  })

  const guarded: readonly (readonly [string, object, string])[] = [
    ['another country', { to: ['4:+4930123456'] }, 'PhoneForbidden country'],
    ['a premium number', { to: ['4:+19005550100'] }, 'PhoneForbidden premium'],
    ['an emergency number', { to: ['4:+911'] }, 'PhoneForbidden emergency'],
    ["a caller's number of others", { callerId: '+14255550001' }, 'PhoneForbidden caller-id'],
    ['video', { media: 'video' }, 'PhoneUnavailable audio-only'],
    ['two phones', { to: [`4:${number}`, '4:+14255550101'] }, 'PhoneUnavailable not-in-groups'],
    ['a joinable call', { isJoinable: true }, 'PhoneUnavailable not-in-groups'],
  ]
  test('what a guard refuses is refused by its name, and the phone hears nothing', async () => {
    const { tenant, identity } = await enabled()
    const ann = await talker(tenant, identity)
    const since = phone.told.length
    for (const [what, asked, told] of guarded) {
      const { code, detail } = await ann.ask({ ...start, ...asked })
      assert.equal(`${code} ${detail}`, told, what)
    }
    const token = await issuedToken(tenant, identity, 'voip.join')
    const url = `${world.origin.replace('http', 'ws')}/calling/ws`
    const ben = await talkers.open(url, token)
    assert.equal((await ben.ask(start)).code, 'ScopeForbidden')
    assert.equal(phone.told.length, since)
    await ann.close()
    await ben.close()
  })
})

/**
 * Notifications of chat by long polls, which need no WebSocket.
 */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, test } from 'node:test'
import { createIdentity, issueToken, postRevoke } from '../calls.ts'
import { allocate, messageOf, sessionQuery, tell } from '../chat-sockets.ts'
import { type Answer, newDataDir, send, startWorld } from '../world.ts'

const world = await startWorld(newDataDir())
const { origin } = world
const ready = '5:::{"name":"trouter.connected","args":[{"dur":"1","ttl":3600}]}'

/** Somebody who polls. */
async function pollerOf(endpointId: string = randomUUID(), someone?: Holder) {
  const { tenant, id, token } = someone ?? (await holder())
  const query = sessionQuery(await allocate(origin, token, endpointId), endpointId)
  const headers = { 'x-skypetoken': token }
  const begun = await send(origin, { method: 'GET', path: `/socket.io/1/?${query}`, headers })
  const [sessionId] = begun.text.split(':')
  const pathWith = (rest: string) => `/socket.io/1/xhr-polling/${sessionId}?${query}${rest}`
  const poll = (rest = ''): Promise<Answer> =>
    send(origin, { method: 'GET', path: pathWith(rest), headers })
  const post = (body: string, token: string = headers['x-skypetoken']): Promise<Answer> => {
    const contentType = { 'content-type': 'text/plain;charset=UTF-8' }
    const sent = { ...contentType, 'x-skypetoken': token }
    return send(origin, { method: 'POST', path: pathWith(''), headers: sent, body })
  }
  return { tenant, id, token, poll, post }
}

type Holder = Awaited<ReturnType<typeof holder>>

async function holder() {
  const tenant = await world.createTenant()
  const id = await createIdentity(tenant)
  return { tenant, id, token: await issueToken(tenant, id) }
}

/** Polls until a text comes; gives the frames of the answer that has it. */
async function framesUntil(poll: () => Promise<Answer>, text: string): Promise<string> {
  for (;;) {
    const { status, text: body, headers } = await poll()
    assert.equal(status, 200)
    assert.notEqual(body, '8::', `nothing came, least of all ${text}`)
    assert.match(String(headers['content-type']), /^text\/plain/)
    if (body.includes(text)) return body
  }
}

describe('a long poll', () => {
  test('greets, waits, and brings what is told', async () => {
    const { id, poll, post } = await pollerOf()
    assert.match((await poll()).text, /^1::$|1::/)
    await framesUntil(poll, ready)
    const waiting = framesUntil(poll, 'hello')
    await tell(world, { recipients: [id] }, messageOf(id, 'hello'))
    const frame = await waiting
    assert.match(frame, /^3:::\{"id":1,/)
    assert.deepEqual((await post('3:::{"id":1,"status":200}')).text, '1')
    const event = '5:1+::{"name":"user.activity"}'
    assert.equal((await post(`\ufffd${event.length}\ufffd${event}`)).status, 200)
    assert.ok(await framesUntil(poll, '6:::1+[]'))
  })

  test('brings several frames at once', async () => {
    const { id, poll } = await pollerOf()
    await framesUntil(poll, ready)
    const events = [messageOf(id, 'one'), messageOf(id, 'two')]
    await tell(world, { recipients: [id] }, ...events)
    assert.match(await framesUntil(poll, 'two'), /^\ufffd\d+\ufffd3:::.*one.*\ufffd\d+\ufffd3:::/)
  })

  test('is answered 401 when its token is revoked', async () => {
    const { tenant, id, poll } = await pollerOf()
    await framesUntil(poll, ready)
    const waiting = poll()
    await postRevoke(tenant, id)
    assert.equal((await waiting).status, 401)
    assert.equal((await poll()).status, 401)
  })

  test('goes on elsewhere without another greeting, with what was not answered', async () => {
    const someone = await holder()
    const endpointId = randomUUID()
    const first = await pollerOf(endpointId, someone)
    await framesUntil(first.poll, ready)
    await tell(world, { recipients: [someone.id] }, messageOf(someone.id, 'unanswered'))
    await framesUntil(first.poll, 'unanswered')
    const second = await pollerOf(endpointId, someone)
    const body = await framesUntil(() => second.poll('&connected=true'), 'unanswered')
    assert.ok(!body.includes('1::') && !body.includes('trouter.connected'))
    assert.equal((await first.post('2::')).status, 404)
  })

  test('takes nothing from somebody else, nor what is no frame', async () => {
    const { poll, post } = await pollerOf()
    await framesUntil(poll, ready)
    const other = await holder()
    assert.equal((await post('2::', other.token)).status, 404)
    assert.equal((await post('\ufffdx')).status, 400)
    assert.equal((await post('2::', 'x.y.z')).status, 401)
    assert.equal((await post('2::')).status, 200)
  })
})

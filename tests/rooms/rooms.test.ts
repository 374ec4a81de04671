/**
 * Rooms: where a call is set up beforehand.
 */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, test } from 'node:test'
import { createIdentity, deleteIdentity } from '../calls.ts'
import { type Answer, type Tenant, theWorld } from '../world.ts'

const world = await theWorld()
const { createTenant, db } = world
const newest = 'api-version=2025-03-13'
const mergePatch = { 'content-type': 'application/merge-patch+json' }
const dayMs = 86_400_000

/** A room as a reply has it. */
interface ShownRoom {
  readonly id: string
  readonly createdAt: string
  readonly validFrom: string
  readonly validUntil: string
  readonly pstnDialOutEnabled?: boolean
}

function shown({ body }: Answer): ShownRoom {
  return body as unknown as ShownRoom
}

function createRoom(tenant: Tenant, body: object = {}, headers?: Record<string, string>) {
  return tenant.call({
    method: 'POST',
    path: `/rooms?${newest}`,
    body,
    ...(headers === undefined ? {} : { headers }),
  })
}

function patch(tenant: Tenant, path: string, body: object): Promise<Answer> {
  return tenant.call({ method: 'PATCH', path: `${path}?${newest}`, body, headers: mergePatch })
}

async function listOf(tenant: Tenant, roomId: string): Promise<readonly unknown[]> {
  const path = `/rooms/${roomId}/participants?${newest}`
  const { status, body } = await tenant.call({ method: 'GET', path })
  assert.equal(status, 200)
  return body.value
}

async function aRoom(tenant: Tenant, body?: object): Promise<ShownRoom> {
  const answer = await createRoom(tenant, body)
  assert.equal(answer.status, 201, answer.text)
  return shown(answer)
}

function refusal({ status, body }: Answer): readonly [number, string, string | undefined] {
  return [status, body.error.code, body.error.target]
}

describe('a room', () => {
  test('is open from now on for 180 days, to nobody, without dialling out', async () => {
    const tenant = await createTenant()
    const room = await aRoom(tenant)
    assert.match(room.id, /^[1-9][0-9]{15}$/)
    assert.equal(room.createdAt, room.validFrom)
    assert.equal(Date.parse(room.validUntil) - Date.parse(room.validFrom), 180 * dayMs)
    assert.equal(room.pstnDialOutEnabled, false)
    assert.deepEqual(await listOf(tenant, room.id), [])
  })

  test('is found as it was made', async () => {
    const tenant = await createTenant()
    const validFrom = '2030-01-01T00:00:00Z'
    const validUntil = '2030-06-30T00:00:00+00:00'
    const made = await aRoom(tenant, { validFrom, validUntil, pstnDialOutEnabled: true })
    assert.equal(made.validFrom, '2030-01-01T00:00:00.0000000+00:00')
    assert.equal(made.pstnDialOutEnabled, true)
    const found = await tenant.call({ method: 'GET', path: `/rooms/${made.id}?${newest}` })
    assert.deepEqual(shown(found), made)
  })

  test('has no dialling out in the version before it', async () => {
    const tenant = await createTenant()
    const old = 'api-version=2023-06-14'
    const made = await tenant.call({ method: 'POST', path: `/rooms?${old}`, body: {} })
    assert.equal('pstnDialOutEnabled' in shown(made), false)
    const body = { pstnDialOutEnabled: true }
    const refused = await tenant.call({ method: 'POST', path: `/rooms?${old}`, body })
    assert.equal(refused.status, 400)
  })

  const nowMs = world.now()
  const at = (ms: number) => new Date(nowMs + ms).toISOString()
  const windows: readonly (readonly [string, object, number])[] = [
    ['that ends as it begins', { validFrom: at(dayMs), validUntil: at(dayMs) }, 400],
    ['that is over', { validFrom: at(-2 * dayMs), validUntil: at(-dayMs) }, 400],
    ['of 180 days', { validFrom: at(dayMs), validUntil: at(181 * dayMs) }, 201],
    ['of 180 days and a second', { validFrom: at(0), validUntil: at(180 * dayMs + 1000) }, 400],
    ['that begins where it would end', { validFrom: at(181 * dayMs) }, 400],
    ['that is no instant', { validUntil: 'tomorrow' }, 400],
    ['of two nulls', { validFrom: null, validUntil: null }, 201],
  ]
  for (const [name, body, status] of windows) {
    test(`${status === 201 ? 'has' : 'refuses'} a window ${name}`, async () => {
      const tenant = await createTenant()
      assert.equal((await createRoom(tenant, body)).status, status)
      const list = await tenant.call({ method: 'GET', path: `/rooms?${newest}` })
      assert.equal(list.body.value.length, status === 201 ? 1 : 0)
    })
  }

  test('moves its window, and keeps what is not said', async () => {
    const tenant = await createTenant()
    const room = await aRoom(tenant, { pstnDialOutEnabled: true })
    const validUntil = at(dayMs)
    const moved = shown(await patch(tenant, `/rooms/${room.id}`, { validUntil }))
    assert.equal(Date.parse(moved.validUntil), Date.parse(validUntil))
    assert.equal(moved.validFrom, room.validFrom)
    assert.equal(moved.pstnDialOutEnabled, true)
    const refused = await patch(tenant, `/rooms/${room.id}`, { validUntil: at(200 * dayMs) })
    assert.deepEqual(refusal(refused), [400, 'ValidationError', 'ValidUntil'])
    const found = await tenant.call({ method: 'GET', path: `/rooms/${room.id}?${newest}` })
    assert.deepEqual(shown(found), moved)
  })

  test('is deleted once, and is not there for other resources', async () => {
    const [tenant, stranger] = await Promise.all([createTenant(), createTenant()])
    const { id } = await aRoom(tenant)
    const path = `/rooms/${id}?${newest}`
    for (const method of ['GET', 'DELETE']) {
      assert.deepEqual((await stranger.call({ method, path })).status, 404)
    }
    assert.equal((await tenant.call({ method: 'DELETE', path })).status, 204)
    assert.equal((await tenant.call({ method: 'DELETE', path })).status, 404)
    assert.equal((await tenant.call({ method: 'GET', path })).status, 404)
    assert.equal((await patch(tenant, `/rooms/${id}`, {})).status, 404)
    assert.equal((await patch(tenant, `/rooms/${id}/participants`, {})).status, 404)
  })

  test('is none that is named by what cannot be an id', async () => {
    const tenant = await createTenant()
    for (const id of ['0', 'x', '99999999999999999999', '-1', '1.5']) {
      const path = `/rooms/${id}?${newest}`
      assert.equal((await tenant.call({ method: 'GET', path })).status, 404, id)
    }
  })

  test('is made once for a request that is repeated, by however many at once', async () => {
    const tenant = await createTenant()
    const headers = {
      'repeatability-request-id': randomUUID(),
      'repeatability-first-sent': new Date().toUTCString(),
    }
    const body = { participants: { [await createIdentity(tenant)]: { role: 'Presenter' } } }
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => createRoom(tenant, body, headers)),
    )
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([201]))
    assert.equal(new Set(answers.map((answer) => shown(answer).id)).size, 1)
    const other = await createRoom(tenant, body, { 'repeatability-request-id': 'x' })
    assert.deepEqual(refusal(other), [400, 'InvalidHeader', 'Repeatability-Request-ID'])
  })
})

describe('the list of a room', () => {
  test('has identities in roles, attendees where none is said', async () => {
    const tenant = await createTenant()
    const [ann, ben, cleo] = await Promise.all([1, 2, 3].map(() => createIdentity(tenant)))
    const participants = { [ann ?? '']: { role: 'Presenter' }, [ben ?? '']: {} }
    const { id } = await aRoom(tenant, { participants })
    const changed = await patch(tenant, `/rooms/${id}/participants`, {
      participants: { [ann ?? '']: null, [ben ?? '']: { role: 'Consumer' }, [cleo ?? '']: {} },
    })
    assert.deepEqual([changed.status, changed.text], [200, '{}'])
    assert.deepEqual(
      new Set(await listOf(tenant, id)),
      new Set([
        { rawId: ben, role: 'Consumer' },
        { rawId: cleo, role: 'Attendee' },
      ]),
    )
  })

  test('takes all of a request or nothing: no strangers, numbers or other roles', async () => {
    const [tenant, other] = await Promise.all([createTenant(), createTenant()])
    const [ann, stranger] = await Promise.all([createIdentity(tenant), createIdentity(other)])
    const gone = await createIdentity(tenant)
    await deleteIdentity(tenant, gone)
    const { id } = await aRoom(tenant)
    const wrong = [
      { [stranger]: {} },
      { [gone]: {} },
      { '4:+15551234567': {} },
      { [await createIdentity(tenant)]: { role: 'Owner' } },
    ]
    for (const participants of wrong) {
      const asked = { participants: { [ann]: {}, ...participants } }
      const refused = await patch(tenant, `/rooms/${id}/participants`, asked)
      assert.equal(refused.status, 400, JSON.stringify(participants))
      assert.equal((await createRoom(tenant, asked)).status, 400)
    }
    assert.deepEqual(await listOf(tenant, id), [])
    const list = await tenant.call({ method: 'GET', path: `/rooms?${newest}` })
    assert.equal(list.body.value.length, 1)
  })

  test('loses an identity that is deleted, before that is answered', async () => {
    const tenant = await createTenant()
    const ann = await createIdentity(tenant)
    const { id } = await aRoom(tenant, { participants: { [ann]: { role: 'Presenter' } } })
    await deleteIdentity(tenant, ann)
    assert.deepEqual(await listOf(tenant, id), [])
    const rows = await db`select from room_participant where room_id = ${id}::bigint`
    assert.equal(rows.length, 0)
  })

  test('holds 350 and not one more, whoever adds at the same time', async () => {
    const tenant = await createTenant()
    const identities = await Promise.all(Array.from({ length: 352 }, () => createIdentity(tenant)))
    const entries = (some: readonly string[]) => Object.fromEntries(some.map((one) => [one, {}]))
    const { id } = await aRoom(tenant, { participants: entries(identities.slice(0, 349)) })
    const added = await Promise.all(
      identities
        .slice(349)
        .map((one) => patch(tenant, `/rooms/${id}/participants`, { participants: entries([one]) })),
    )
    assert.deepEqual(added.map(({ status }) => status).sort(), [200, 400, 400])
    assert.equal((await listOf(tenant, id)).length, 350)
    const tooMany = await createRoom(tenant, { participants: entries(identities) })
    assert.deepEqual(refusal(tooMany), [400, 'ValidationError', 'Participants'])
  })
})

describe('the list of rooms', () => {
  test('goes on over pages, the oldest first, while rooms are made', async () => {
    const tenant = await createTenant()
    const made: string[] = []
    for (let index = 0; index < 101; index += 1) made.push((await aRoom(tenant)).id)
    const first = await tenant.call({ method: 'GET', path: `/rooms?${newest}` })
    const late = (await aRoom(tenant)).id
    const { nextLink } = first.body as unknown as { nextLink: string }
    const { pathname, search, host } = new URL(nextLink)
    assert.equal(host, tenant.host)
    const second = await tenant.call({ method: 'GET', path: `${pathname}${search}` })
    const listed = [...first.body.value, ...second.body.value] as unknown as ShownRoom[]
    assert.deepEqual(new Set(listed.map(({ id }) => id)), new Set([...made, late]))
    assert.equal(first.body.value.length, 100)
    assert.equal('nextLink' in second.body, false)
    const wrong = await tenant.call({ method: 'GET', path: `/rooms?after=x&${newest}` })
    assert.equal(wrong.status, 400)
  })
})

/**
 * What is kept for somebody, handed out and deleted, through the whole stack.
 */
import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { after, describe, test } from 'node:test'
import { listAuditEntries } from '@parley/server/audit/store'
import { serverLimits } from '@parley/server/contract/limits'
import { identityHoldings } from '@parley/server/identity-holdings'
import { insertAskedUser } from '@parley/server/relays/store'
import { createVerifier } from '@parley/verifier/node'
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify } from 'jose'
import {
  closeCallSockets,
  connectCalls,
  issueCallToken,
  newCaller,
  start,
} from '../call-sockets.ts'
import {
  claimsOf,
  createIdentity,
  getIdentity,
  issueToken,
  liveness,
  notOwned,
  told,
} from '../calls.ts'
import { newThread, newUser, participant, say, seen, type User } from '../chat.ts'
import { type Answer, send, type Tenant, theWorld } from '../world.ts'

const world = await theWorld()

after(closeCallSockets)

type Line = Readonly<Record<string, unknown>> & { readonly type: string }

function exported(tenant: Tenant, id: string): Promise<Answer> {
  return tenant.call({ method: 'GET', path: `/parley/identities/${id}/export` })
}

async function linesOf(tenant: Tenant, id: string): Promise<readonly Line[]> {
  const { status, headers, text } = await exported(tenant, id)
  assert.equal(status, 200)
  assert.equal(headers['content-type'], 'application/x-ndjson')
  assert.equal(headers['cache-control'], 'no-store')
  assert.ok(text.endsWith('\n'))
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
}

function deleteWithReceipt(tenant: Tenant, id: string): Promise<Answer> {
  return tenant.call({ method: 'POST', path: `/parley/identities/${id}/:delete` })
}

interface Receipt {
  readonly identity: string
  readonly deletedOn: string
  readonly requestId: string
  readonly counts: Readonly<Record<string, number>>
  readonly signedReceipt: string
}

/** Stores a relay user as it is asked for; there are no relays here. */
async function giveRelay({ resourceId }: Tenant, id: string): Promise<void> {
  const stored = await insertAskedUser(world.db, {
    ...{ resourceId, userName: id.slice(-36), realm: 'here', hmacKey: 'f'.repeat(32) },
    ...{ identityId: id.slice(-36), identityGeneration: undefined, accessKey: undefined },
    ...{ tokenId: undefined, scopePlaces: undefined },
    ...{ createdAtMs: Date.now(), expiresAtMs: Date.now() + 60_000 },
  })
  assert.equal(stored, 'stored')
}

/** Ann, who has said and read things in two threads, and Bob. */
async function friends() {
  const tenant = await world.createTenant()
  const ann: User = await newUser(world, tenant)
  const bob: User = await newUser(world, tenant)
  const threads = [
    await newThread(bob, [{ id: ann.id }]),
    await newThread(ann, [{ id: bob.id }], { topic: 'Dinner' }),
  ]
  const ids: string[] = []
  for (const thread of threads) ids.push(await say(ann, thread, 'Ann speaks'))
  await say(bob, threads[0] ?? '', 'Bob speaks')
  const read = { body: { chatMessageId: ids[0] ?? '' } }
  assert.equal((await ann.call('POST', `${threads[0]}/readReceipts`, read)).status, 200)
  const room = { participants: { [ann.id]: { role: 'Presenter' } } }
  const path = '/rooms?api-version=2025-03-13'
  assert.equal((await tenant.call({ method: 'POST', path, body: room })).status, 201)
  await giveRelay(tenant, ann.id)
  const number = `/parley/phoneNumbers/${encodeURIComponent(`+1425777${randomInt(10_000_000)}`)}`
  const assigned = await tenant.call({ method: 'PUT', path: number, body: { identity: ann.id } })
  assert.equal(assigned.status, 201, assigned.text)
  return { tenant, ann, bob, threads, ids }
}

describe('an export', () => {
  test('has everything of the identity, and nothing of another', async () => {
    const { tenant, ann, threads, ids } = await friends()
    const [{ type, id } = { type: '', id: '' }, ...rest] = await linesOf(tenant, ann.id)
    assert.deepEqual([type, id], ['identity', ann.id])
    const end = rest.at(-1)
    const counts = { accessToken: 1, chatMembership: 2, chatMessage: 2, chatReadReceipt: 1 }
    assert.equal(end?.type, 'end')
    const told = end?.['counts'] as Readonly<Record<string, number>>
    const calls = { callLeg: 0, callRing: 0, callDevice: 0 }
    const more = { ...calls, phoneNumber: 1 }
    const others = { chatMention: 0, chatEndpoint: 0, roomParticipant: 1, relayUser: 1, ...more }
    assert.deepEqual({ ...told, chatMention: 0 }, { ...counts, ...others })
    const of = (kind: string) => rest.filter((line) => line.type === kind)
    const messages = of('chatMessage')
    assert.deepEqual(
      messages.map((line) => line['content']),
      ['Ann speaks', 'Ann speaks'],
    )
    assert.deepEqual(messages.map((line) => line['id']).sort(), [...ids].sort())
    const named = threads.map((thread) => decodeURIComponent(thread.slice(1))).sort()
    assert.deepEqual(
      of('chatMembership')
        .map((line) => line['threadId'])
        .sort(),
      named,
    )
    assert.deepEqual(
      of('chatReadReceipt').map((line) => line['chatMessageId']),
      [ids[0]],
    )
    assert.deepEqual(
      of('accessToken').map((line) => line['jti']),
      [claimsOf(ann.token).jti],
    )
    assert.ok(!JSON.stringify(rest).includes('Bob speaks'))
    assert.ok(!JSON.stringify(rest).includes(ann.token))
  })

  test('has the rooms on whose lists the identity stands', async () => {
    const tenant = await world.createTenant()
    const id = await createIdentity(tenant)
    const path = '/rooms?api-version=2025-03-13'
    const body = { participants: { [id]: { role: 'Presenter' } } }
    const room = (await tenant.call({ method: 'POST', path, body })).body
    const listed = (await linesOf(tenant, id)).filter(({ type }) => type === 'roomParticipant')
    assert.deepEqual(
      listed.map(({ roomId, role }) => [roomId, role]),
      [[room.id, 'Presenter']],
    )
  })

  test('has the calls of the identity, what rings it, and its devices', async () => {
    const tenant = await world.createTenant()
    const [ann, bob] = [await newCaller(world, tenant), await newCaller(world, tenant)]
    const client = await ann.connect()
    const own = await start(client, [bob.id])
    const rung = await start(await bob.connect(), [ann.id])
    const lines = await linesOf(tenant, ann.id)
    const told = (kind: string, field: string) =>
      lines.filter(({ type }) => type === kind).map((line) => line[field])
    assert.deepEqual(told('callLeg', 'callId'), [own.callId])
    assert.deepEqual(told('callRing', 'callId'), [rung.callId])
    assert.deepEqual(told('callDevice', 'deviceId'), [client.ready.deviceId])
    assert.ok(!JSON.stringify(lines).includes(bob.id.slice(-36)))
  })

  test('has every line, however many pages they take', async () => {
    const tenant = await world.createTenant()
    const id = await createIdentity(tenant)
    const { resourceId } = tenant
    const identityId = id.slice(-36)
    const count = 2 * serverLimits.exportPageRows + 1
    await world.db`
      insert into access_token (resource_id, identity_id, jti, scopes, issued_at, expires_at)
      select ${resourceId}, ${identityId}, gen_random_uuid(), 1, now(), now() + interval '1 hour'
      from generate_series(1, ${count}::integer)`
    const tokens = (await linesOf(tenant, id)).filter(({ type }) => type === 'accessToken')
    assert.equal(new Set(tokens.map((line) => line['jti'])).size, count)
  })

  test('is larger than what a stream may hold back, and comes whole', async () => {
    const tenant = await world.createTenant()
    const [ann, bob] = [await newUser(world, tenant), await newUser(world, tenant)]
    const thread = await newThread(ann, [bob])
    const text = 'x'.repeat(20_000)
    await Promise.all(Array.from({ length: 100 }, () => say(ann, thread, text)))
    const messages = (await linesOf(tenant, ann.id)).filter(({ type }) => type === 'chatMessage')
    assert.equal(messages.length, 100)
    assert.ok(messages.every((line) => line['content'] === text))
  })

  test('has a holding for every table that says whose a row is, but passing notes', async () => {
    const tables = await world.db<{ readonly name: string }[]>`
      select distinct relname as name
      from pg_class
      join pg_attribute on attrelid = pg_class.oid
      where relnamespace = 'public'::regnamespace
        and attname in ('identity_id', 'sender_id')
        and relkind in ('r', 'p')
        and not relispartition
      order by relname`
    assert.deepEqual(
      tables.map(({ name }) => name),
      [
        'access_token',
        'call_device',
        'call_frame',
        'call_leg',
        'call_ring',
        'chat_endpoint',
        'chat_erasure',
        'chat_message',
        'chat_message_person',
        'chat_notice',
        'chat_participant',
        'chat_receipt',
        'identity',
        'phone_number',
        'relay_user',
        'room_participant',
      ],
    )
    assert.equal(identityHoldings.length, 12)
  })

  test('leaves out what nobody has any more', async () => {
    const { tenant, ann, bob, threads } = await friends()
    assert.equal((await bob.call('DELETE', threads[0] ?? '')).status, 204)
    const kinds = (await linesOf(tenant, ann.id)).map(({ type }) => type)
    assert.equal(kinds.filter((kind) => kind === 'chatMessage').length, 1)
    assert.equal(kinds.filter((kind) => kind === 'chatReadReceipt').length, 0)
  })

  test('is not there for an identity of another, or of nobody', async () => {
    const [one, other] = [await world.createTenant(), await world.createTenant()]
    const id = await createIdentity(one)
    assert.deepEqual(told(await exported(other, id)), notOwned)
    assert.deepEqual(told(await exported(one, 'x')), notOwned)
  })
})

describe('a deletion with a receipt', () => {
  test('deletes, and says what of what it deleted, signed', async () => {
    const { tenant, ann, bob, threads } = await friends()
    const answer = await deleteWithReceipt(tenant, ann.id)
    assert.equal(answer.status, 200)
    const receipt = answer.body as unknown as Receipt
    assert.equal(receipt.identity, ann.id)
    assert.equal(receipt.requestId, answer.headers['x-ms-request-id'])
    const { accessToken, chatMessage, chatMembership, chatReadReceipt } = receipt.counts
    assert.deepEqual([accessToken, chatMessage, chatMembership, chatReadReceipt], [1, 2, 2, 1])
    assert.deepEqual(told(await getIdentity(tenant, ann.id)), notOwned)
    assert.deepEqual(await liveness(tenant, [ann.token]), [false])
    const left = await seen(bob, threads[0] ?? '')
    assert.ok(left.every((message) => message.content?.message !== 'Ann speaks'))
    const jwks = await send(world.origin, { method: 'GET', path: '/.well-known/jwks.json' })
    const keys = { keys: jwks.body.keys as unknown as [] }
    const verified = await jwtVerify(receipt.signedReceipt, createLocalJWKSet(keys), {
      typ: 'parley-deletion-receipt+jwt',
      subject: ann.id,
    })
    const { counts, resourceId, jti } = verified.payload
    assert.deepEqual(
      { counts, resourceId, jti },
      { counts: receipt.counts, resourceId: tenant.resourceId, jti: receipt.requestId },
    )
    assert.equal(decodeProtectedHeader(receipt.signedReceipt).typ, 'parley-deletion-receipt+jwt')
    assert.deepEqual(await liveness(tenant, [receipt.signedReceipt]), [false])
    const issuer = verified.payload.iss ?? ''
    const verdict = createVerifier({ keys: keys as never, issuer }).verify(receipt.signedReceipt)
    assert.deepEqual([verdict.ok, 'reason' in verdict && verdict.reason], [false, 'wrong-type'])
  })

  test('is audited, without the identity', async () => {
    const tenant = await world.createTenant()
    const id = await createIdentity(tenant)
    await issueToken(tenant, id)
    assert.equal((await deleteWithReceipt(tenant, id)).status, 200)
    const { resourceId } = tenant
    const entries = await listAuditEntries(world.db, { afterSeq: 0, entriesMax: 100, resourceId })
    assert.equal(entries.at(-1)?.operation, 'Parley_DeleteIdentity')
    assert.ok(!JSON.stringify(entries).includes(id.slice(-36)))
  })

  test('happens once', async () => {
    const tenant = await world.createTenant()
    const id = await createIdentity(tenant)
    const answers = await Promise.all([1, 2, 3].map(() => deleteWithReceipt(tenant, id)))
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 401, 401])
    const other = await world.createTenant()
    const kept = await createIdentity(other)
    assert.deepEqual(told(await deleteWithReceipt(tenant, kept)), notOwned)
    assert.equal((await getIdentity(other, kept)).status, 200)
  })

  test('counts what the export tells', async () => {
    const { tenant, ann, bob, threads } = await friends()
    await world.db`
      insert into chat_endpoint
      values (${tenant.resourceId}, ${ann.id.slice(-36)}, 'e', gen_random_uuid(), 0, '{}', now())`
    for (const [from, to] of [
      [ann, bob],
      [bob, ann],
    ] as const) {
      const token = await issueCallToken(tenant, from.id)
      await start(await connectCalls(world.origin, { token }), [to.id])
    }
    await bob.call('POST', `${threads[0]}/participants/:remove`, {
      body: { communicationUser: { id: ann.id } },
    })
    await bob.call('POST', `${threads[0]}/participants/:add`, {
      body: { participants: [participant(ann, { displayName: 'Ann' })] },
    })
    const end = (await linesOf(tenant, ann.id)).at(-1)
    const { counts } = (await deleteWithReceipt(tenant, ann.id)).body as unknown as Receipt
    assert.deepEqual(counts, end?.['counts'])
    assert.ok(Object.values(counts).every((count) => count > 0))
  })
})

/**
 * What chat adds to the bill, how often it may be asked, and what it tells browsers.
 */
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { purgeDeletedThread, purgeErasedIdentity } from '@parley/server/chat/erasure-store'
import { differencesOf } from '@parley/server/usage/comparison'
import { foldAll } from '@parley/server/usage/recurring'
import { usageSources } from '@parley/server/usage-sources'
import { atOnce, deleteIdentity } from '../calls.ts'
import { type ChatAnswer, newThread, newUser, participant, say, type User } from '../chat.ts'
import { newDataDir, send, startWorld, type Tenant, theWorld, type World } from '../world.ts'

const world = await theWorld()

async function sentIn(tenant: Tenant): Promise<number> {
  const { body } = await tenant.call({ method: 'GET', path: '/usage?meter=chat-messages-sent' })
  const { value } = body as unknown as { readonly value: readonly { readonly quantity: number }[] }
  return value.reduce((sum, { quantity }) => sum + quantity, 0)
}

async function assertEqualToStored(tenant: Tenant): Promise<void> {
  assert.deepEqual(await differencesOf(world.db, tenant.resourceId, usageSources), [])
}

/** What a round of house-keeping does, two messages at a time. */
async function purgeSome(): Promise<void> {
  await world.db.begin((transaction) => purgeDeletedThread(transaction, 2))
  await world.db.begin((transaction) => purgeErasedIdentity(transaction, 2))
}

async function storedIn({ resourceId }: Tenant): Promise<number> {
  const rows = await world.db`
    select from chat_message where resource_id = ${resourceId} and kind in ('text', 'html')`
  return rows.length
}

describe('the bill of chat', () => {
  test('counts each message that was stored, once, and nothing else', async () => {
    const tenant = await world.createTenant()
    const [ann, bob, eve] = await atOnce(3, () => newUser(world, tenant))
    assert.ok(ann !== undefined && bob !== undefined && eve !== undefined)
    const thread = await newThread(ann, [bob])
    assert.equal(await sentIn(tenant), 0)
    const ids = await atOnce(20, (index) => say(index % 2 === 0 ? ann : bob, thread))
    assert.equal(await sentIn(tenant), 20)
    const body = { content: 'Hello' }
    assert.equal((await eve.call('POST', `${thread}/messages`, { body })).status, 403)
    const tooLong = { content: 'x'.repeat(29_000) }
    assert.notEqual((await ann.call('POST', `${thread}/messages`, { body: tooLong })).status, 201)
    const edited = await ann.call('PATCH', `${thread}/messages/${ids[0]}`, { body })
    assert.equal(edited.status, 204)
    await ann.call('POST', `${thread}/typing`)
    await bob.call('POST', `${thread}/readReceipts`, { body: { chatMessageId: ids[0] ?? '' } })
    await ann.call('POST', `${thread}/participants/:add`, {
      body: { participants: [participant(eve)] },
    })
    await ann.call('PATCH', thread, { body: { topic: 'Dinner' } })
    assert.equal(await sentIn(tenant), 20)
    await assertEqualToStored(tenant)
  })

  const purges: readonly (readonly [string, number, (made: Made) => Promise<unknown>])[] = [
    [
      'a message is deleted',
      5,
      ({ ann, thread, id }) => ann.call('DELETE', `${thread}/messages/${id}`),
    ],
    ['a person is deleted', 2, ({ tenant, ann }) => deleteIdentity(tenant, ann.id)],
    ['a thread is deleted', 0, ({ ann, thread }) => ann.call('DELETE', thread)],
  ]
  for (const [what, left, purge] of purges) {
    test(`stays what it is when ${what}, and is still equal to what is stored`, async () => {
      const tenant = await world.createTenant()
      const [ann, bob] = [await newUser(world, tenant), await newUser(world, tenant)]
      const thread = await newThread(bob, [ann])
      const ids = await atOnce(3, () => say(ann, thread))
      await atOnce(2, () => say(bob, thread))
      if (left > 0) await foldAll(world.db)
      await purge({ tenant, ann: what.includes('thread') ? bob : ann, thread, id: ids[0] ?? '' })
      while ((await storedIn(tenant)) > left) {
        await assertEqualToStored(tenant)
        await purgeSome()
      }
      assert.equal(await storedIn(tenant), left)
      await assertEqualToStored(tenant)
      assert.equal(await sentIn(tenant), 5)
    })
  }

  interface Made {
    readonly tenant: Tenant
    readonly ann: User
    readonly thread: string
    readonly id: string
  }
})

const page = 'https://app.example'

describe('a page in a browser', () => {
  test('may call chat from any origin, until its resource says from which', async () => {
    const tenant = await world.createTenant()
    const ann = await newUser(world, tenant)
    const origin = { origin: page }
    const path = '/chat/threads?api-version=2025-03-15'
    const headers = {
      ...origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization,content-type,repeatability-request-id',
    }
    const ask = () => send(world.origin, { method: 'OPTIONS', path, host: tenant.host, headers })
    const preflight = await ask()
    assert.equal(preflight.status, 204)
    assert.equal(preflight.headers['access-control-allow-origin'], '*')
    assert.equal(preflight.headers['access-control-allow-methods'], 'POST, GET')
    const created = await ann.call('POST', '', { body: { topic: 'Lunch' }, headers: origin })
    assert.equal(created.status, 201)
    assert.equal(created.headers['access-control-allow-origin'], '*')
    assert.match(String(created.headers['access-control-expose-headers']), /location/)
    const refused = await ann.call('GET', '', { headers: origin, token: 'none' })
    assert.deepEqual([refused.status, refused.headers['access-control-allow-origin']], [401, '*'])
    const body = { userOrigins: ['https://else.example'] }
    assert.equal((await tenant.call({ method: 'PUT', path: '/parley/cors', body })).status, 200)
    assert.equal((await ask()).headers['access-control-allow-origin'], undefined)
    const later = await ann.call('GET', '', { headers: origin })
    assert.deepEqual([later.status, later.headers['access-control-allow-origin']], [200, undefined])
  })
})

describe('the published rates of chat', () => {
  let limited: World
  before(async () => {
    limited = await startWorld(newDataDir(), { PARLEY_RATE_LIMITS: 'published' })
  })

  async function friends() {
    const tenant = await limited.createTenant()
    const [ann, bob] = [await newUser(limited, tenant), await newUser(limited, tenant)]
    return { tenant, ann, bob, thread: await newThread(ann, [bob]) }
  }

  function statuses(answers: readonly ChatAnswer[]): readonly [taken: number, refused: number] {
    const refused = answers.filter(({ status }) => status === 429)
    for (const { headers, body } of refused) {
      assert.match(String(headers['retry-after']), /^[0-9]{1,2}$/)
      assert.equal(body.error.code, 'TooManyRequests')
    }
    return [answers.length - refused.length, refused.length]
  }

  test('let ten messages of a thread through in ten seconds, whoever sends them', async () => {
    const { tenant, ann, bob, thread } = await friends()
    const body = { content: 'Hello' }
    const answers = await atOnce(16, (index) =>
      (index % 2 === 0 ? ann : bob).call('POST', `${thread}/messages`, { body }),
    )
    assert.deepEqual(statuses(answers), [10, 6])
    const rows = await limited.db`
      select from chat_message where resource_id = ${tenant.resourceId} and kind = 'text'`
    assert.equal(rows.length, 10)
    const other = await newThread(ann, [bob])
    assert.equal((await ann.call('POST', `${other}/messages`, { body })).status, 201)
  })

  test('are not used up by one who takes no part', async () => {
    const { tenant, ann, thread } = await friends()
    const eve = await newUser(limited, tenant)
    const body = { content: 'Hello' }
    const strange = await atOnce(30, () => eve.call('POST', `${thread}/messages`, { body }))
    assert.deepEqual(statuses(strange), [10, 20])
    assert.equal((await ann.call('POST', `${thread}/messages`, { body })).status, 201)
  })

  test('are those of each user where they are of users', async () => {
    const { ann, bob } = await friends()
    assert.deepEqual(statuses(await atOnce(60, () => ann.call('GET', ''))), [50, 10])
    assert.equal((await bob.call('GET', '')).status, 200)
  })
})

/** Chat on two servers that share a database: one answer, one order, one membership. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import {
  startTemporaryPostgres,
  type TemporaryPostgres,
} from '@parley/server/database/embedded/temporary-postgres'
import { atOnce, deleteIdentity } from '../calls.ts'
import { heard, newThread, newUser, say, seen, type User } from '../chat.ts'
import { newDataDir, startWorld, type Tenant, type World } from '../world.ts'

describe('two servers', () => {
  let outside: TemporaryPostgres
  let worlds: readonly [World, World]
  let tenant: Tenant
  before(async () => {
    outside = await startTemporaryPostgres()
    const { username, host, port, database } = outside.postgres.connection
    const settings = {
      PARLEY_DATABASE_URL: `postgres://${username}@/${database}?host=${host}&port=${port}`,
      PARLEY_MASTER_KEY: Buffer.alloc(32, 6).toString('base64'),
      PARLEY_ISSUER: 'https://chat.example',
    }
    const first = await startWorld(newDataDir(), settings)
    worlds = [first, await startWorld(newDataDir(), settings)]
    tenant = await first.createTenant()
  })
  after(async () => {
    for (const world of worlds) await world.stop()
    await outside.close()
  })

  /** Somebody as both servers know it. */
  async function person(): Promise<readonly [User, User]> {
    const [first, second] = worlds
    const here = await newUser(first, tenant)
    const origin = second.origin
    const there = await newUser({ ...first, origin } as World, tenant)
    const call: User['call'] = (method, path, asked = {}) =>
      there.call(method, path, { ...asked, token: here.token })
    return [here, { ...here, call }]
  }

  test('answer a repeated creation alike, with one thread', async () => {
    const [here, there] = await person()
    for (let round = 0; round < 5; round++) {
      const headers = { 'repeatability-request-id': `round ${round}` }
      const answers = await atOnce(10, (index) =>
        (index % 2 === 0 ? here : there).call('POST', '', { body: { topic: 'T' }, headers }),
      )
      assert.deepEqual([...new Set(answers.map(({ status }) => status))], [201])
      assert.equal(new Set(answers.map(({ body }) => body.chatThread.id)).size, 1)
    }
    assert.equal((await there.call('GET', '')).body.value.length, 5)
  })

  test('give messages of one thread ids of their own and numbers without gaps', async () => {
    const [[ann, annThere], [bob, bobThere]] = [await person(), await person()]
    const threads = [await newThread(ann, [bob]), await newThread(bob, [ann])]
    const users = [ann, annThere, bob, bobThere]
    await atOnce(160, (index) =>
      say(users[index % 4] as User, threads[(index >> 2) % 2] ?? '', `message ${index}`),
    )
    for (const thread of threads) {
      const messages = await seen(annThere, thread)
      assert.equal(new Set(messages.map(({ id }) => id)).size, 82)
      const numbers = messages.map(({ sequenceId }) => Number(sequenceId))
      assert.deepEqual(
        numbers,
        Array.from({ length: 82 }, (_, index) => 82 - index),
      )
    }
  })

  test('agree on who takes part, at every moment', async () => {
    for (let round = 0; round < 6; round++) {
      const [[ann], [bob, bobThere]] = [await person(), await person()]
      const thread = await newThread(ann, [bob])
      const body = { rawId: bob.id }
      const [sent] = await Promise.all([
        atOnce(10, () => bobThere.call('POST', `${thread}/messages`, { body: { content: 'x' } })),
        ann.call('POST', `${thread}/participants/:remove`, { body }),
      ])
      const texts = await heard(ann, thread)
      assert.equal(texts[0], 'participantRemoved')
      const stored = sent.filter(({ status }) => status === 201).length
      assert.equal(texts.filter((text) => text === 'x').length, stored)
      const late = await bobThere.call('POST', `${thread}/messages`, { body: { content: 'y' } })
      assert.equal(late.status, 403)
    }
  })

  test('hide what a deleted identity said from the moment that either has answered', async () => {
    const [[ann, annThere], [bob, bobThere]] = [await person(), await person()]
    const thread = await newThread(ann, [bob])
    await say(bobThere, thread, 'a word')
    assert.equal((await deleteIdentity(tenant, bob.id)).status, 204)
    assert.deepEqual(await heard(annThere, thread), ['topicUpdated', 'participantAdded'])
    assert.equal((await bobThere.call('GET', `${thread}/messages`)).status, 401)
  })
})

/** What deleting an identity or a resource leaves of chat: for others to see, and on the disk. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { atOnce, deleteIdentity } from '../calls.ts'
import { heard, newThread, newUser, participant, say, seen } from '../chat.ts'
import { theWorld } from '../world.ts'

const world = await theWorld()
const { db } = world

async function trio() {
  const tenant = await world.createTenant()
  const [ann, bob] = [await newUser(world, tenant), await newUser(world, tenant)]
  const body = { topic: 'T', participants: [participant(bob, { displayName: 'Bobby-the-name' })] }
  const created = await ann.call('POST', '', { body })
  return { tenant, ann, bob, thread: `/${created.body.chatThread.id}` }
}

/** Every row of chat in a resource, as text. */
async function rowsOf(resourceId: string): Promise<string> {
  const tables = await db<{ name: string }[]>`
    select relname as name from pg_class
    where relname like 'chat\\_%' and relkind in ('r', 'p')
    and relnamespace = 'public'::regnamespace and not relispartition`
  const texts = []
  for (const { name } of tables) {
    const rows = await db.unsafe<{ text: string }[]>(
      `select t::text as text from ${name} as t where resource_id = '${resourceId}'`,
    )
    // What was told a moment ago is kept for minutes, and names who was there.
    const names = name === 'chat_notice' ? /Bobby-the-name/g : /^$/
    texts.push(...rows.map(({ text }) => `${name}: ${text.replaceAll(new RegExp(names, 'g'), '')}`))
  }
  return texts.join('\n')
}

/** The tables of the whole database in which some row has a word. */
async function tracesOf(word: string): Promise<readonly string[]> {
  const tables = await db<{ name: string }[]>`
    select tablename as name from pg_tables where schemaname = 'public'`
  const traces: string[] = []
  for (const { name } of tables) {
    const query = `select from ${name} as t where strpos(t::text, $1) > 0`
    if ((await db.unsafe(query, [word])).count > 0) traces.push(name)
  }
  return traces
}

async function purged(identityId: string): Promise<void> {
  for (;;) {
    const notes = await db`select from chat_erasure where identity_id = ${identityId}`
    if (notes.count === 0) return
    await world.parley.keepHouse()
  }
}

describe('a deleted identity', () => {
  test('has said nothing, read nothing and is nowhere, when the deletion is answered', async () => {
    const { tenant, ann, bob, thread } = await trio()
    await say(bob, thread, 'a word of Bob')
    const kept = await say(ann, thread, 'a word of Ann')
    const read = { body: { chatMessageId: kept } }
    assert.equal((await bob.call('POST', `${thread}/readReceipts`, read)).status, 200)
    assert.equal((await deleteIdentity(tenant, bob.id)).status, 204)
    const messages = await seen(ann, thread)
    assert.deepEqual(
      messages.map((one) => one.content?.message ?? one.type),
      ['a word of Ann', 'topicUpdated', 'participantAdded'],
    )
    const [, , added] = messages
    assert.equal(added?.content?.participants?.length, 1)
    for (const path of ['participants', 'readReceipts', 'messages']) {
      const { text } = await ann.call('GET', `${thread}/${path}`)
      assert.ok(!text.includes(bob.id) && !text.includes('Bobby'), path)
    }
    await say(ann, thread, 'life goes on')
  })

  test('is unseen before its messages are purged, however many they are', async () => {
    const { tenant, ann, bob, thread } = await trio()
    const mine = await say(ann, thread, 'first')
    await say(bob, thread, 'one of Bob')
    const { resourceId } = tenant
    const { rows } = { rows: 3000 }
    await db`
      insert into chat_message (
        resource_id, thread_id, message_id, sequence, kind, sender_id, content, version)
      select resource_id, thread_id, message_id + number, sequence + number, kind, sender_id,
        'many of Bob', version
      from chat_message, generate_series(1, ${rows}::integer) as number
      where resource_id = ${resourceId} and content = 'one of Bob'`
    await db`
      update chat_thread set
        last_message_id = last_message_id + ${rows},
        last_sequence = last_sequence + ${rows}
      where resource_id = ${resourceId}`
    const last = await say(ann, thread, 'last')
    assert.equal((await deleteIdentity(tenant, bob.id)).status, 204)
    const found: string[] = []
    let path: string | undefined = `${thread}/messages?maxPageSize=10`
    while (path !== undefined) {
      const { body, text } = await ann.call('GET', path)
      assert.ok(!text.includes('of Bob'))
      found.push(...body.value.map((one) => one.id))
      const next: URL | undefined = body.nextLink === undefined ? undefined : new URL(body.nextLink)
      path = next && next.pathname.slice('/chat/threads'.length) + next.search
    }
    assert.deepEqual([found[0], found[1], found.length], [last, mine, 4])
    await purged(bob.id.slice(-36))
    assert.doesNotMatch(await rowsOf(resourceId), /of Bob|Bobby-the-name/)
    const [counts] = await db<{ used: number; purged: number }[]>`
      select sum(used)::integer as used, sum(purged)::integer as purged from (
        select used, purged from usage_record where resource_id = ${resourceId}
        union all select used, purged from usage_hour where resource_id = ${resourceId}) as u`
    assert.deepEqual(counts, { used: 3, purged: rows + 1 })
  })

  test('that is sending at that moment leaves nothing, and fails nobody else', async () => {
    for (let round = 0; round < 6; round++) {
      const { tenant, ann, bob, thread } = await trio()
      const [others, own, deleted] = await Promise.all([
        atOnce(15, (index) => say(ann, thread, `of Ann ${index}`)),
        atOnce(15, () => bob.call('POST', `${thread}/messages`, { body: { content: 'of Bob' } })),
        deleteIdentity(tenant, bob.id),
        bob.call('POST', `${thread}/typing`),
        ann.call('POST', `${thread}/participants/:remove`, { body: { rawId: bob.id } }),
      ])
      assert.deepEqual([others.length, deleted.status], [15, 204])
      assert.ok(own.every(({ status }) => [201, 401, 403].includes(status)))
      await purged(bob.id.slice(-36))
      assert.doesNotMatch(await rowsOf(tenant.resourceId), /of Bob|Bobby-the-name/)
      assert.equal((await heard(ann, thread)).filter((text) => text.startsWith('of')).length, 15)
    }
  })

  test('leaves no word in any table, be it edited, deleted, or told a moment ago', async () => {
    const { tenant, ann, bob, thread } = await trio()
    const words = ['wordone', 'wordtwo', 'wordthree'].map((word) => `${word}${bob.id.slice(-12)}`)
    const [sent = '', edited = '', gone = ''] = words
    const id = await say(bob, thread, sent)
    const body = { content: edited, metadata: { note: edited } }
    assert.equal((await bob.call('PATCH', `${thread}/messages/${id}`, { body })).status, 204)
    const other = await say(bob, thread, gone)
    await say(bob, thread, edited)
    assert.deepEqual(await tracesOf(gone), ['chat_message', 'chat_notice'])
    assert.equal((await bob.call('DELETE', `${thread}/messages/${other}`)).status, 204)
    assert.ok((await tracesOf(edited)).includes('chat_message'))
    assert.equal((await deleteIdentity(tenant, bob.id)).status, 204)
    await purged(bob.id.slice(-36))
    for (const word of words) assert.deepEqual(await tracesOf(word), [])
    assert.deepEqual(await heard(ann, thread), ['topicUpdated', 'participantAdded'])
  })

  test('that spoke last leaves a thread that goes on', async () => {
    const { tenant, ann, bob, thread } = await trio()
    await say(bob, thread, 'x')
    assert.equal((await deleteIdentity(tenant, bob.id)).status, 204)
    await say(ann, thread, 'y')
    assert.deepEqual(await heard(ann, thread), ['y', 'topicUpdated', 'participantAdded'])
    const other = await newUser(world, tenant)
    await newThread(other, [ann])
    assert.equal((await ann.call('GET', '')).body.value.length, 2)
  })
})

/** What is said in a thread: sending, reading, changing, deleting. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { told } from '../calls.ts'
import { type ChatAnswer, heard, newThread, newUser, say, seen } from '../chat.ts'
import { theWorld } from '../world.ts'

const world = await theWorld()

const forbidden = {
  status: 403,
  body: {
    error: { code: 'Forbidden', message: 'User is not allowed to perform specified action.' },
  },
}
const unknown = (what: string) => ({
  status: 404,
  body: { error: { code: 'NotFound', message: `There is no such ${what}.` } },
})
const toldOf = (answer: ChatAnswer) => told(answer as unknown as Parameters<typeof told>[0])

async function pair() {
  const tenant = await world.createTenant()
  const [ann, bob] = [await newUser(world, tenant), await newUser(world, tenant)]
  return { tenant, ann, bob, thread: await newThread(ann, [bob]) }
}

describe('a message', () => {
  test('is stored as it was sent, and read by whoever takes part', async () => {
    const { ann, bob, thread } = await pair()
    const body = {
      content: `"Hi", {C:\\} NULL <b>not html</b> \u{1f600}`,
      senderDisplayName: 'Ann',
      metadata: { lang: 'en', 'odd, "name"': '{1,2}' },
    }
    const sent = await ann.call('POST', `${thread}/messages`, { body })
    assert.equal(sent.status, 201, sent.text)
    const { id } = sent.body
    const location = String(sent.headers.location)
    assert.match(location, /\/chat\/threads\/19%3A[\w-]{43}1@thread\.v2\/messages\/[0-9]+$/)
    assert.ok(location.endsWith(id))
    const got = await bob.call('GET', `${thread}/messages/${id}`)
    const { senderCommunicationIdentifier, ...rest } = got.body as unknown as Record<
      string,
      unknown
    >
    assert.deepEqual(senderCommunicationIdentifier, {
      rawId: ann.id,
      communicationUser: { id: ann.id },
    })
    assert.deepEqual(rest, {
      id,
      type: 'text',
      sequenceId: '3',
      version: id,
      content: { message: body.content },
      senderDisplayName: 'Ann',
      createdOn: `${new Date(Number(id)).toISOString().slice(0, 19)}Z`,
      metadata: body.metadata,
    })
  })

  test('has an id of its own and the next number, however many are sent at once', async () => {
    const { ann, bob, thread } = await pair()
    const texts = Array.from({ length: 60 }, (_, index) => `message ${index}`)
    const ids = await Promise.all(
      texts.map((text, index) => say(index % 2 === 0 ? ann : bob, thread, text)),
    )
    assert.equal(new Set(ids).size, ids.length)
    const messages = (await seen(ann, thread)).slice(0, 60)
    assert.deepEqual(
      messages.map((one) => Number(one.sequenceId)),
      Array.from({ length: 60 }, (_, index) => 62 - index),
    )
    const byId = new Map(messages.map((one) => [one.id, one.content?.message]))
    assert.deepEqual(
      ids.map((id) => byId.get(id)),
      texts,
    )
  })

  const sizes = [
    [28 * 1024, 201],
    [28 * 1024 + 1, 400],
  ] as const
  for (const [size, status] of sizes) {
    test(`of ${size} bytes is answered ${status}`, async () => {
      const { ann, thread } = await pair()
      const plain = await ann.call('POST', `${thread}/messages`, {
        body: { content: 'x'.repeat(size) },
      })
      assert.equal(plain.status, status)
      // Two bytes a character, and six in the body each.
      const escaped = `{"content":"${'\\u00e9'.repeat(size >> 1)}${'x'.repeat(size % 2)}"}`
      const wide = await ann.call('POST', `${thread}/messages`, { body: escaped })
      assert.equal(wide.status, status)
    })
  }

  const invalid: readonly (readonly [string, object, string])[] = [
    ['without content', {}, 'Content'],
    ['of a kind of the system', { content: 'x', type: 'topicUpdated' }, 'Type'],
    ['with metadata over 1 KB', { content: 'x', metadata: { a: 'x'.repeat(1024) } }, 'Metadata'],
    ['with a character that is none', { content: 'a\u0000b' }, 'Content'],
    ['with half a character in metadata', { content: 'x', metadata: { a: '\ud800' } }, 'Metadata'],
    [
      'with a name too long',
      { content: 'x', senderDisplayName: 'x'.repeat(1025) },
      'SenderDisplayName',
    ],
  ]
  for (const [which, body, target] of invalid) {
    test(`${which} is refused, and no other with it`, async () => {
      const { ann, bob, thread } = await pair()
      const [refused, sent] = await Promise.all([
        ann.call('POST', `${thread}/messages`, { body }),
        bob.call('POST', `${thread}/messages`, { body: { content: 'fine' } }),
      ])
      assert.deepEqual([refused.status, refused.body.error.target], [400, target])
      assert.equal(sent.status, 201)
    })
  }

  test('in html is cleaned when it is sent and when it is changed', async () => {
    const { ann, bob, thread } = await pair()
    const evil =
      '<p onclick="x()">Hi <b>all</b><script>alert(1)</script>' +
      '<img src="https://spy.example/x.png" onerror="x()" alt="pic">' +
      '<a href="javascript:x()">a</a><a href="https://ok.example/">b</a></p><iframe></iframe>'
    const clean = '<p>Hi <b>all</b><img alt="pic" /><a>a</a><a href="https://ok.example/">b</a></p>'
    const body = { content: evil, type: 'html' }
    const sent = await ann.call('POST', `${thread}/messages`, { body })
    const read = async () => (await seen(bob, thread))[0]
    assert.deepEqual([(await read())?.type, (await read())?.content?.message], ['html', clean])
    const change = { body: { content: `${evil}!` } }
    assert.equal(
      (await ann.call('PATCH', `${thread}/messages/${sent.body.id}`, change)).status,
      204,
    )
    assert.equal((await read())?.content?.message, `${clean}!`)
  })

  test('is changed by its sender alone, as a merge patch', async () => {
    const { ann, bob, thread } = await pair()
    const metadata = { a: '1', b: '2' }
    const sent = await ann.call('POST', `${thread}/messages`, { body: { content: 'x', metadata } })
    const path = `${thread}/messages/${sent.body.id}`
    const patch = { body: { metadata: { a: null, c: '3' } } }
    assert.deepEqual(toldOf(await bob.call('PATCH', path, patch)), forbidden)
    const changed = await ann.call('PATCH', path, patch)
    assert.deepEqual([changed.status, changed.text], [204, ''])
    const [message] = await seen(bob, thread)
    assert.deepEqual(message?.metadata, { b: '2', c: '3' })
    assert.equal(message?.content?.message, 'x')
    assert.ok(Number(message?.version) > Number(message?.id))
    assert.match(message?.editedOn ?? '', /^[-0-9]+T[:0-9]+Z$/)
    assert.equal((await ann.call('PATCH', path, { body: { content: 'y' } })).status, 204)
    assert.equal((await seen(bob, thread))[0]?.content?.message, 'y')
  })

  test('that is deleted keeps its place and says nothing any more', async () => {
    const { ann, bob, thread } = await pair()
    const id = await say(ann, thread, 'secret words')
    const path = `${thread}/messages/${id}`
    assert.deepEqual(toldOf(await bob.call('DELETE', path)), forbidden)
    const deleted = await ann.call('DELETE', path)
    assert.deepEqual([deleted.status, deleted.text], [204, ''])
    assert.equal((await ann.call('DELETE', path)).status, 204)
    const got = await bob.call('GET', path)
    assert.match((got.body as unknown as { deletedOn: string }).deletedOn, /Z$/)
    assert.doesNotMatch(got.text, /secret|content/)
    const patched = await ann.call('PATCH', path, { body: { content: 'again' } })
    assert.deepEqual(toldOf(patched), unknown('message'))
  })

  test('of the system is nobody`s to change or delete', async () => {
    const { ann, thread } = await pair()
    const [topic] = await seen(ann, thread)
    const path = `${thread}/messages/${topic?.id}`
    assert.deepEqual(toldOf(await ann.call('DELETE', path)), forbidden)
    assert.deepEqual(toldOf(await ann.call('PATCH', path, { body: { content: 'x' } })), forbidden)
  })

  test('that does not exist is not found', async () => {
    const { ann, thread } = await pair()
    for (const id of ['1', '0', 'x', '99999999999999999999']) {
      const path = `${thread}/messages/${id}`
      assert.deepEqual(toldOf(await ann.call('GET', path)), unknown('message'))
      assert.deepEqual(toldOf(await ann.call('DELETE', path)), unknown('message'))
    }
  })

  test('has no metadata in a version that has none', async () => {
    const { ann, thread } = await pair()
    const body = { content: 'x', metadata: { a: '1' } }
    const old = { version: '2021-03-07' }
    assert.equal((await ann.call('POST', `${thread}/messages`, { body, ...old })).status, 400)
    const sent = await ann.call('POST', `${thread}/messages`, { body })
    const got = await ann.call('GET', `${thread}/messages/${sent.body.id}`, old)
    assert.equal(got.status, 200)
    assert.ok(!('metadata' in got.body))
  })
})

describe('the list of messages', () => {
  test('begins with who was added and what the thread is about', async () => {
    const { ann, bob, thread } = await pair()
    const [topic, added, ...others] = await seen(bob, thread)
    assert.deepEqual(others, [])
    assert.deepEqual(
      [topic?.type, topic?.sequenceId, topic?.content?.topic],
      ['topicUpdated', '2', 'Lunch'],
    )
    assert.deepEqual([added?.type, added?.sequenceId], ['participantAdded', '1'])
    const initiator = { rawId: ann.id, communicationUser: { id: ann.id } }
    assert.deepEqual(added?.content?.initiatorCommunicationIdentifier, initiator)
    assert.equal(added?.content?.participants?.length, 2)
    assert.ok(!('senderCommunicationIdentifier' in (added ?? {})))
  })

  test('has every message once when its links are followed while others arrive', async () => {
    const { tenant, ann, bob, thread } = await pair()
    const before: string[] = []
    for (let index = 0; index < 25; index++) before.push(await say(ann, thread, `old ${index}`))
    const found: string[] = []
    let path: string | undefined = `${thread}/messages?maxPageSize=4`
    while (path !== undefined) {
      const { status, body, text } = await bob.call('GET', path)
      assert.equal(status, 200, text)
      assert.ok(body.value.length <= 4)
      found.push(...body.value.map((one) => one.id))
      await say(ann, thread, 'new')
      if (body.nextLink === undefined) break
      const next: URL = new URL(body.nextLink)
      assert.equal(next.origin, `https://${tenant.host}`)
      path = next.pathname.slice('/chat/threads'.length) + next.search
    }
    assert.equal(new Set(found).size, found.length)
    assert.deepEqual([...found].sort(), found.toReversed())
    assert.equal(found.length, 27)
    assert.deepEqual(found.slice(0, 25), before.toReversed())
  })

  test('has pages of 200 at most, and begins at an instant where it is told', async (context) => {
    const { ann, thread } = await pair()
    await Promise.all(Array.from({ length: 210 }, () => say(ann, thread)))
    const all = await ann.call('GET', `${thread}/messages?maxPageSize=500`)
    assert.equal(all.body.value.length, 200)
    assert.match(all.body.nextLink ?? '', /maxPageSize=200&api-version=2025-03-15$/)
    world.stopClock(context, world.now() + 60_000)
    const startTime = new Date(world.now()).toISOString()
    const late = [await say(ann, thread, 'late'), await say(ann, thread, 'later')]
    const since = await ann.call('GET', `${thread}/messages?startTime=${startTime}`)
    assert.deepEqual(
      since.body.value.map((one) => one.id),
      late.toReversed(),
    )
    assert.equal(since.body.nextLink, undefined)
  })

  for (const query of [
    'maxPageSize=0',
    'maxPageSize=x',
    'startTime=soon',
    'syncState=1',
    'maxPageSize=1&maxPageSize=2',
  ]) {
    test(`refuses ${query}`, async () => {
      const { ann, thread } = await pair()
      const answer = await ann.call('GET', `${thread}/messages?${query}`)
      assert.deepEqual([answer.status, answer.body.error.code], [400, 'InvalidQueryParameter'])
    })
  }

  test('ends for the removed with their removal, and goes on when they are back', async () => {
    const { ann, bob, thread } = await pair()
    await say(ann, thread, 'before')
    const removal = { body: { communicationUser: { id: bob.id } } }
    assert.equal((await ann.call('POST', `${thread}/participants/:remove`, removal)).status, 204)
    const secret = await say(ann, thread, 'without Bob')
    assert.deepEqual(await heard(bob, thread), [
      'participantRemoved',
      'before',
      'topicUpdated',
      'participantAdded',
    ])
    const got = await bob.call('GET', `${thread}/messages/${secret}`)
    assert.deepEqual(toldOf(got), unknown('message'))
    const sent = await bob.call('POST', `${thread}/messages`, { body: { content: 'still here?' } })
    assert.deepEqual(toldOf(sent), forbidden)
    const communicationIdentifier = { communicationUser: { id: bob.id } }
    const addition = { body: { participants: [{ communicationIdentifier }] } }
    assert.equal((await ann.call('POST', `${thread}/participants/:add`, addition)).status, 201)
    assert.deepEqual((await heard(bob, thread)).slice(0, 2), ['participantAdded', 'without Bob'])
    await say(bob, thread, 'back')
  })

  test('begins for a participant where its share of the history does', async (context) => {
    const { tenant, ann, thread } = await pair()
    await say(ann, thread, 'old')
    world.stopClock(context, world.now() + 60_000)
    const cyd = await newUser(world, tenant)
    const communicationIdentifier = { rawId: cyd.id }
    const shareHistoryTime = new Date(world.now()).toISOString()
    const addition = { body: { participants: [{ communicationIdentifier, shareHistoryTime }] } }
    assert.equal((await ann.call('POST', `${thread}/participants/:add`, addition)).status, 201)
    await say(ann, thread, 'new')
    assert.deepEqual(await heard(cyd, thread), ['new', 'participantAdded'])
  })
})

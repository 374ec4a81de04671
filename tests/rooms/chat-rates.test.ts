/** Limits of rates in chat: each operation has one, and no resource feels another's. */
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { atOnce, createIdentity } from '../calls.ts'
import { type ChatAnswer, newThread, newUser, participant, say, type User } from '../chat.ts'
import { newDataDir, startWorld, type World } from '../world.ts'

/** What somebody calls, and what the call is about. */
interface Scene {
  readonly thread: string
  readonly messageId: string
  readonly somebody: { readonly id: string }
}

type Call = readonly [
  name: string,
  method: string,
  path: (scene: Scene) => string,
  body?: (scene: Scene) => object,
]

const message = ({ thread, messageId }: Scene) => `${thread}/messages/${messageId}`
const inThread = (rest: string) => (scene: Scene) => `${scene.thread}${rest}`

const calls: readonly Call[] = [
  ['creating a thread', 'POST', () => '', () => ({ topic: 'T' })],
  ['listing threads', 'GET', () => ''],
  ['reading a thread', 'GET', inThread('')],
  ['changing a thread', 'PATCH', inThread(''), () => ({ topic: 'U' })],
  ['deleting a thread', 'DELETE', inThread('')],
  ['listing participants', 'GET', inThread('/participants')],
  [
    'adding participants',
    'POST',
    inThread('/participants/:add'),
    ({ somebody }) => ({ participants: [participant(somebody)] }),
  ],
  [
    'removing a participant',
    'POST',
    inThread('/participants/:remove'),
    ({ somebody }) => ({ rawId: somebody.id }),
  ],
  ['sending a message', 'POST', inThread('/messages'), () => ({ content: 'x' })],
  ['listing messages', 'GET', inThread('/messages')],
  ['reading a message', 'GET', message],
  ['changing a message', 'PATCH', message, () => ({ content: 'y' })],
  ['deleting a message', 'DELETE', message],
  ['typing', 'POST', inThread('/typing')],
  [
    'sending a receipt',
    'POST',
    inThread('/readReceipts'),
    ({ messageId }) => ({ chatMessageId: messageId }),
  ],
  ['listing receipts', 'GET', inThread('/readReceipts')],
]

const names = [
  'chat-thread-create-or-delete',
  'chat-thread-update',
  'chat-thread-read',
  'chat-participants-change',
  'chat-participants-list',
  'chat-message-read',
  'chat-message-list',
  'chat-message-write',
  'chat-receipt-send',
  'chat-receipt-list',
  'chat-typing',
]

function ratesOf(limit: object): Readonly<Record<string, string>> {
  return {
    PARLEY_RATE_LIMITS: JSON.stringify(Object.fromEntries(names.map((name) => [name, [limit]]))),
  }
}

function assertRefused({ status, headers, body }: ChatAnswer): void {
  assert.deepEqual([status, body.error.code], [429, 'TooManyRequests'])
  const seconds = Number(headers['retry-after'])
  assert.ok(Number.isInteger(seconds) && seconds >= 1, String(headers['retry-after']))
}

describe('what is asked for twice where once is the limit', () => {
  let world: World
  before(async () => {
    world = await startWorld(newDataDir(), ratesOf({ per: 'user', max: 1, seconds: 600 }))
  })

  for (const [name, method, path, body] of calls) {
    test(`is refused with the time to come again: ${name}`, async () => {
      const tenant = await world.createTenant()
      const ann = await newUser(world, tenant)
      const thread = await newThread(await newUser(world, tenant), [ann])
      const somebody = { id: await createIdentity(tenant) }
      // Whose message it is counts where it is written: then this call is the second one.
      const messageId = await say(ann, thread)
      const scene = { thread, messageId, somebody }
      const asked = body === undefined ? {} : { body: body(scene) }
      await ann.call(method, path(scene), asked)
      assertRefused(await ann.call(method, path(scene), asked))
    })
  }
})

describe('the limit of a resource', () => {
  test('is no other`s, however much the other asks for', async () => {
    const limit = { per: 'resource', max: 4, seconds: 600 }
    const world = await startWorld(newDataDir(), ratesOf(limit))
    const people = async (): Promise<readonly [User, string]> => {
      const ann = await newUser(world, await world.createTenant())
      return [ann, await newThread(ann)]
    }
    const [[greedy, greedyThread], [modest, modestThread]] = [await people(), await people()]
    const send = (user: User, thread: string) =>
      user.call('POST', `${thread}/messages`, { body: { content: 'x' } })
    const [many, few] = await Promise.all([
      atOnce(200, () => send(greedy, greedyThread)),
      atOnce(4, () => send(modest, modestThread)),
    ])
    assert.equal(many.filter(({ status }) => status === 201).length, 4)
    for (const answer of many) if (answer.status !== 201) assertRefused(answer)
    assert.deepEqual(
      few.map(({ status }) => status),
      [201, 201, 201, 201],
    )
    assertRefused(await send(modest, modestThread))
  })
})

/** Limits of rates in chat: each operation has one, and no resource feels another's. */
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { atOnce, createIdentity } from '../calls.ts'
import { type ChatAnswer, newThread, newUser, participant, say, type User } from '../chat.ts'
import { newDataDir, startWorld, type World } from '../world.ts'

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
] as const

/** What limits an operation. */
type Rate = (typeof names)[number]

/** What somebody calls, and what the call is about. */
interface Scene {
  readonly thread: string
  readonly messageId: string
  readonly somebody: { readonly id: string }
}

type Call = readonly [
  name: string,
  rate: Rate,
  method: string,
  path: (scene: Scene) => string,
  body?: (scene: Scene) => object,
]

const message = ({ thread, messageId }: Scene) => `${thread}/messages/${messageId}`
const inThread = (rest: string) => (scene: Scene) => `${scene.thread}${rest}`

const calls: readonly Call[] = [
  ['creating a thread', 'chat-thread-create-or-delete', 'POST', () => '', () => ({ topic: 'T' })],
  ['listing threads', 'chat-thread-read', 'GET', () => ''],
  ['reading a thread', 'chat-thread-read', 'GET', inThread('')],
  ['changing a thread', 'chat-thread-update', 'PATCH', inThread(''), () => ({ topic: 'U' })],
  ['deleting a thread', 'chat-thread-create-or-delete', 'DELETE', inThread('')],
  ['listing participants', 'chat-participants-list', 'GET', inThread('/participants')],
  [
    'adding participants',
    'chat-participants-change',
    'POST',
    inThread('/participants/:add'),
    ({ somebody }) => ({ participants: [participant(somebody)] }),
  ],
  [
    'removing a participant',
    'chat-participants-change',
    'POST',
    inThread('/participants/:remove'),
    ({ somebody }) => ({ rawId: somebody.id }),
  ],
  [
    'sending a message',
    'chat-message-write',
    'POST',
    inThread('/messages'),
    () => ({ content: 'x' }),
  ],
  ['listing messages', 'chat-message-list', 'GET', inThread('/messages')],
  ['reading a message', 'chat-message-read', 'GET', message],
  ['changing a message', 'chat-message-write', 'PATCH', message, () => ({ content: 'y' })],
  ['deleting a message', 'chat-message-write', 'DELETE', message],
  ['typing', 'chat-typing', 'POST', inThread('/typing')],
  [
    'sending a receipt',
    'chat-receipt-send',
    'POST',
    inThread('/readReceipts'),
    ({ messageId }) => ({ chatMessageId: messageId }),
  ],
  ['listing receipts', 'chat-receipt-list', 'GET', inThread('/readReceipts')],
]

/** Settings with a limit for each name. */
function ratesOf(limitOf: (rate: Rate) => object): Readonly<Record<string, string>> {
  const rates = Object.fromEntries(names.map((name) => [name, [limitOf(name)]]))
  return { PARLEY_RATE_LIMITS: JSON.stringify(rates) }
}

function assertRefused({ status, headers, body }: ChatAnswer): void {
  assert.deepEqual([status, body.error.code], [429, 'TooManyRequests'])
  const seconds = Number(headers['retry-after'])
  assert.ok(Number.isInteger(seconds) && seconds >= 1, String(headers['retry-after']))
}

/** Each rate lets another number of calls through, which tells them apart. */
const mostOf = (rate: Rate) => names.indexOf(rate) + 1

describe('with a limit for each rate, an operation', () => {
  let world: World
  before(async () => {
    const limitOf = (rate: Rate) => ({ per: 'user', max: mostOf(rate), seconds: 600 })
    world = await startWorld(newDataDir(), ratesOf(limitOf))
  })

  for (const [name, rate, method, path, body] of calls) {
    test(`is refused with the time to come again, by ${rate}: ${name}`, async () => {
      const tenant = await world.createTenant()
      const ann = await newUser(world, tenant)
      const thread = await newThread(await newUser(world, tenant), [ann])
      const somebody = { id: await createIdentity(tenant) }
      const scene = { thread, messageId: await say(ann, thread), somebody }
      const written = rate === 'chat-message-write' ? 1 : 0
      const asked = body === undefined ? {} : { body: body(scene) }
      for (let count = written; count < mostOf(rate); count++) {
        assert.notEqual((await ann.call(method, path(scene), asked)).status, 429)
      }
      assertRefused(await ann.call(method, path(scene), asked))
    })
  }
})

describe('the limit of a resource', () => {
  test('is no other`s, however much the other asks for', async () => {
    const limitOf = () => ({ per: 'resource', max: 4, seconds: 600 })
    const world = await startWorld(newDataDir(), ratesOf(limitOf))
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

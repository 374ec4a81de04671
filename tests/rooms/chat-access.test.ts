/**
 * Who may do what in chat: a test for every cell of operation, scope, membership and state of the
 * token. What is expected is derived from the published matrix, in three rules.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Scope, scopes } from '@parley/protocol'
import { createIdentity, deleteIdentity, postRevoke } from '../calls.ts'
import { newThread, newUser, participant, say, type User, userOf } from '../chat.ts'
import { theWorld } from '../world.ts'

const world = await theWorld()
const { createTenant, now, stopClock } = world

/** What a call is about: a thread, a message of the caller there, and somebody to add. */
interface Scene {
  readonly thread: string
  readonly messageId: string
  readonly somebody: { readonly id: string }
}

interface Operation {
  readonly name: string
  readonly method: string
  readonly path: (scene: Scene) => string
  readonly body?: (scene: Scene) => object
  readonly success: number
  readonly scopes: readonly Scope[]
  /** Who may, of those whose scope opens it. */
  readonly open: 'everybody' | 'participants' | 'participants and the removed'
}

const anyChat: readonly Scope[] = ['chat', 'chat.join', 'chat.join.limited']
const full: readonly Scope[] = ['chat']
const join: readonly Scope[] = ['chat', 'chat.join']
const inThread = (rest: string) => (scene: Scene) => `${scene.thread}${rest}`
const atMessage = ({ thread, messageId }: Scene) => `${thread}/messages/${messageId}`
const toRead = { scopes: anyChat, open: 'participants', method: 'GET', success: 200 } as const
const toLookBack = { ...toRead, open: 'participants and the removed' } as const
const toWrite = { scopes: anyChat, open: 'participants' } as const

const operations: readonly Operation[] = [
  {
    ...{ name: 'create thread', method: 'POST', success: 201, scopes: full, open: 'everybody' },
    ...{ path: () => '', body: () => ({ topic: 'T' }) },
  },
  { ...toRead, name: 'list threads', path: () => '', open: 'everybody' },
  { ...toRead, name: 'get thread', path: inThread('') },
  {
    ...{ name: 'update thread', method: 'PATCH', success: 204, scopes: full, open: 'participants' },
    ...{ path: inThread(''), body: () => ({ topic: 'T' }) },
  },
  {
    ...{
      name: 'delete thread',
      method: 'DELETE',
      success: 204,
      scopes: full,
      open: 'participants',
    },
    path: inThread(''),
  },
  { ...toRead, name: 'list participants', path: inThread('/participants') },
  {
    ...{ name: 'add participants', method: 'POST', success: 201, scopes: join },
    ...{ path: inThread('/participants/:add'), open: 'participants' },
    body: ({ somebody }) => ({ participants: [participant(somebody)] }),
  },
  {
    ...{ name: 'remove participant', method: 'POST', success: 204, scopes: join },
    ...{ path: inThread('/participants/:remove'), open: 'participants' },
    body: ({ somebody }) => ({ rawId: somebody.id }),
  },
  {
    ...{ ...toWrite, name: 'send message', method: 'POST', success: 201 },
    ...{ path: inThread('/messages'), body: () => ({ content: 'x' }) },
  },
  { ...toLookBack, name: 'list messages', path: inThread('/messages') },
  { ...toLookBack, name: 'get message', path: atMessage },
  {
    ...{ ...toWrite, name: 'update message', method: 'PATCH', success: 204 },
    ...{ path: atMessage, body: () => ({ content: 'y' }) },
  },
  { ...toWrite, name: 'delete message', method: 'DELETE', success: 204, path: atMessage },
  { ...toWrite, name: 'send typing', method: 'POST', success: 200, path: inThread('/typing') },
  {
    ...{ ...toWrite, name: 'send receipt', method: 'POST', success: 200 },
    ...{ path: inThread('/readReceipts'), body: ({ messageId }) => ({ chatMessageId: messageId }) },
  },
  { ...toRead, name: 'list receipts', path: inThread('/readReceipts') },
]

const memberships = ['participant', 'removed', 'stranger'] as const
const states = ['live', 'expired', 'revoked', 'deleted', 'elsewhere', 'forged'] as const
type State = (typeof states)[number]

function expected(
  { scopes: open, open: to, success }: Operation,
  scope: Scope,
  rest: { readonly membership: (typeof memberships)[number]; readonly state: State },
): number {
  const { membership, state } = rest
  if (state !== 'live') return 401
  if (!open.includes(scope)) return 403
  if (to === 'everybody' || membership === 'participant') return success
  return membership === 'removed' && to !== 'participants' ? success : 403
}

const tenant = await createTenant()
const admin = await newUser(world, tenant)
const subjectId = await createIdentity(tenant)
const somebody = { id: await createIdentity(tenant) }
const writer = await userOf(world, tenant, { id: subjectId, scopes: ['chat'] })

/** A thread of its own for each cell, since most calls change it. */
async function sceneFor(membership: (typeof memberships)[number]): Promise<Scene> {
  if (membership === 'stranger') {
    const thread = await newThread(admin)
    return { thread, messageId: await say(admin, thread), somebody }
  }
  const thread = await newThread(admin, [{ id: subjectId }])
  const messageId = await say(writer, thread)
  if (membership === 'removed') {
    const body = { rawId: subjectId }
    assert.equal((await admin.call('POST', `${thread}/participants/:remove`, { body })).status, 204)
  }
  return { thread, messageId, somebody }
}

/** Tokens of the subject that are live, and of another identity what became of theirs. */
const live = new Map<Scope, User>()
const others = new Map<string, User>()
for (const scope of scopes) {
  live.set(scope, await userOf(world, tenant, { id: subjectId, scopes: [scope] }))
  const revoked = await newUser(world, tenant, [scope])
  assert.equal((await postRevoke(tenant, revoked.id)).status, 204)
  const deleted = await newUser(world, tenant, [scope])
  assert.equal((await deleteIdentity(tenant, deleted.id)).status, 204)
  const elsewhere = await newUser(world, await createTenant(), [scope])
  others.set(`revoked ${scope}`, revoked)
  others.set(`deleted ${scope}`, deleted)
  others.set(`elsewhere ${scope}`, elsewhere)
}
const scenes = new Map(
  await Promise.all(memberships.map(async (one) => [one, await sceneFor(one)] as const)),
)

/** A token in some state; of another resource it is shown to the subject's. */
function tokenOf(scope: Scope, state: State): string {
  const { token = '' } = live.get(scope) ?? {}
  if (state === 'live' || state === 'expired') return token
  if (state === 'forged') {
    const place = token.length - 20
    return `${token.slice(0, place)}${token[place] === 'A' ? 'B' : 'A'}${token.slice(place + 1)}`
  }
  return others.get(`${state} ${scope}`)?.token ?? ''
}

const refusals: Readonly<Record<number, object>> = {
  401: { code: 'Unauthorized', message: 'Request is not authorized.' },
  403: { code: 'Forbidden', message: 'User is not allowed to perform specified action.' },
}

for (const operation of operations) {
  describe(`to ${operation.name}`, () => {
    for (const scope of scopes) {
      for (const membership of memberships) {
        for (const state of states) {
          const status = expected(operation, scope, { membership, state })
          test(`as a ${membership} with ${scope}, ${state}: ${status}`, async (context) => {
            const isLive = state === 'live'
            const scene = isLive ? await sceneFor(membership) : scenes.get(membership)
            assert.ok(scene !== undefined)
            if (state === 'expired') stopClock(context, now() + 25 * 60 * 60 * 1000)
            const { method, path, body } = operation
            const token = tokenOf(scope, state)
            const asked = { token, ...(body === undefined ? {} : { body: body(scene) }) }
            const answer = await writer.call(method, path(scene), asked)
            assert.equal(answer.status, status, answer.text)
            if (status in refusals) assert.deepEqual(answer.body, { error: refusals[status] })
          })
        }
      }
    }
  })
}

describe('a step-down', () => {
  test('leaves chat what its scopes leave, and then nothing', async () => {
    const id = await createIdentity(tenant)
    const bob = await userOf(world, tenant, { id, scopes: ['chat', 'chat.join', 'voip'] })
    const thread = await newThread(bob)
    const stepDown = async (left: readonly Scope[]) => {
      const body = { targets: [{ identity: id, scopes: left }] }
      const answer = await tenant.call({ method: 'POST', path: '/parley/stepDowns', body })
      assert.equal(answer.status, 200, answer.text)
    }
    const statuses = async () => {
      const body = { topic: 'T' }
      const created = await bob.call('POST', '', { body })
      const listed = await bob.call('GET', '')
      const said = await bob.call('POST', `${thread}/messages`, { body: { content: 'x' } })
      return [created.status, listed.status, said.status]
    }
    assert.deepEqual(await statuses(), [201, 200, 201])
    await stepDown(['chat.join', 'voip'])
    assert.deepEqual(await statuses(), [403, 200, 201])
    await stepDown(['voip'])
    assert.deepEqual(await statuses(), [403, 403, 403])
  })
})

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { fail, ok } from '@parley/protocol'
import type { Call, Operation } from '../contract/operation.ts'
import { parseRates, type RateName } from '../foundation/rates.ts'
import { limitRates } from './rates.ts'

const refused = fail({ kind: 'identity-not-owned' } as const)

/** One limited operation, on a clock that tests move. */
function limited(terms: object | string, rate: RateName, changes: Partial<Operation> = {}) {
  const rates = parseRates(typeof terms === 'string' ? terms : JSON.stringify(terms))
  assert.ok(rates.ok)
  const world = { nowMs: 0, nodes: 1, handled: 0 }
  const operation: Operation = {
    id: 'Things_Do',
    summary: 'Does something.',
    method: 'POST',
    path: '/things/{chatThreadId}',
    access: 'user',
    versions: 'unversioned',
    reply: { status: 200 },
    rate,
    handle: () => {
      world.handled += 1
      return ok(undefined)
    },
    ...changes,
  }
  const [mounted] = limitRates([operation], {
    rates: rates.value,
    nodeCount: () => world.nodes,
    monotonicNow: () => world.nowMs,
  })
  assert.ok(mounted !== undefined)
  return { world, operation: mounted, unlimited: operation }
}

function callBy(resourceId: string, identityId?: string, chatThreadId = 't'): Call {
  const caller = { resourceId, ...(identityId === undefined ? {} : { identityId }) }
  return { caller, params: { chatThreadId }, body: {} } as unknown as Call
}

/** How often one gets through before a refusal, and the refusal's time. */
function flood(operation: Operation, call: Call, max = 10_000): readonly [number, number] {
  for (let count = 0; count < max; count++) {
    const handled = operation.handle(call)
    assert.ok(!(handled instanceof Promise))
    if (!handled.ok && handled.fault.kind === 'rate-exceeded') {
      return [count, handled.fault.retryAfterSeconds]
    }
  }
  return [max, 0]
}

describe('a rate', () => {
  test('lets as many through as published, and the handler hears of no more', () => {
    const { world, operation } = limited('published', 'token-issue')
    assert.deepEqual(flood(operation, callBy('r')), [1000, 33])
    assert.equal(world.handled, 1000)
  })

  test('says when there is room, and there is room then', () => {
    const { world, operation } = limited('published', 'token-issue')
    const [, waitSeconds] = flood(operation, callBy('r'))
    world.nowMs = waitSeconds * 1000
    assert.equal(flood(operation, callBy('r'))[0], 1000)
  })

  test('of one resource is not that of another', () => {
    const { operation } = limited('published', 'token-issue')
    flood(operation, callBy('greedy'))
    assert.equal(flood(operation, callBy('modest'))[0], 1000)
  })

  test('of a resource is shared among the nodes, and that of a user is not', () => {
    const issue = limited('published', 'token-issue')
    issue.world.nodes = 3
    assert.equal(flood(issue.operation, callBy('r'))[0], 334)
    const read = limited('published', 'chat-thread-read')
    read.world.nodes = 3
    assert.equal(flood(read.operation, callBy('r', 'u'))[0], 50)
    assert.equal(flood(read.operation, callBy('r', 'v'))[0], 50)
  })

  test('has several limits, all of which hold', () => {
    const { world, operation } = limited('published', 'chat-message-write')
    const sent: number[] = []
    for (const second of [0, 11, 22, 33]) {
      world.nowMs = second * 1000
      sent.push(flood(operation, callBy('r', `u${second}`))[0])
    }
    assert.deepEqual(sent, [10, 10, 10, 0])
  })

  test('of a user in a thread is not that in another thread', () => {
    const { operation } = limited('published', 'chat-receipt-send')
    assert.equal(flood(operation, callBy('r', 'u', 'one'))[0], 10)
    assert.equal(flood(operation, callBy('r', 'u', 'two'))[0], 10)
    assert.equal(flood(operation, callBy('r', 'v', 'one'))[0], 10)
  })

  const ways = [
    ['at once', () => refused],
    ['later', async () => refused],
  ] as const
  for (const [when, handle] of ways) {
    test(`of a thread is not used up by one whom the handler refuses ${when}`, async () => {
      const { operation, unlimited } = limited('published', 'chat-message-write', { handle })
      for (let count = 0; count < 10; count++) {
        assert.deepEqual(await operation.handle(callBy('r', 'stranger')), refused)
      }
      const last = await operation.handle(callBy('r', 'stranger'))
      assert.equal(!last.ok && last.fault.kind, 'rate-exceeded')
      assert.notEqual(operation, unlimited)
      const member = await operation.handle(callBy('r', 'member'))
      assert.deepEqual(member, refused)
    })
  }

  test('of a thread comes back where the handler throws', async () => {
    const handle = async () => {
      throw new Error('a bug')
    }
    const { operation } = limited('published', 'chat-thread-update', { handle })
    for (let count = 0; count < 20; count++) {
      await assert.rejects(async () => operation.handle(callBy('r', `u${count}`)))
    }
  })

  test('that is off costs nothing', () => {
    const { operation, unlimited } = limited('off', 'token-issue')
    assert.equal(operation, unlimited)
  })
})

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createGather, GatherFull } from './gather.ts'

/** A group in flight, which the test lets come back. */
interface Group {
  readonly key: string
  readonly asks: readonly string[]
  readonly answer: () => void
  readonly fail: (error: unknown) => void
}

/**
 * A gather of asks such as `a1`, whose key is the letter and whose answer is `re a1`.
 *
 * @returns `groups` in the order in which they left.
 */
function gatherOf(limits: { readonly asksMax?: number; readonly waitingMax?: number } = {}) {
  const { asksMax = 100, waitingMax = 100 } = limits
  const groups: Group[] = []
  const gather = createGather<string, string>({
    keyOf: (ask) => ask.slice(0, 1),
    answerAll: (key, asks) =>
      new Promise((resolve, reject) => {
        const answer = () => resolve(asks.map((ask) => `re ${ask}`))
        groups.push({ key, asks, answer, fail: reject })
      }),
    asksMax,
    waitingMax,
  })
  return { ask: gather.ask, groups }
}

/** Lets everything run that waits for nothing but its turn. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

function asked(groups: readonly Group[]): readonly (readonly string[])[] {
  return groups.map((group) => group.asks)
}

describe('a gather', () => {
  test('asks together what was asked in one turn, and gives each its own answer', async () => {
    const { ask, groups } = gatherOf()
    const answers = Promise.all(['a1', 'a2', 'a3'].map(ask))
    await settled()
    assert.deepEqual(asked(groups), [['a1', 'a2', 'a3']])
    groups[0]?.answer()
    assert.deepEqual(await answers, ['re a1', 're a2', 're a3'])
  })

  test('lets a lone question leave without a turn of the event loop in between', async () => {
    const { ask, groups } = gatherOf()
    const answer = ask('a1')
    await new Promise<void>((resolve) => process.nextTick(resolve))
    assert.deepEqual(asked(groups), [['a1']])
    groups[0]?.answer()
    assert.equal(await answer, 're a1')
  })

  test('has one group of a key in flight, and sends what came meanwhile as the next', async () => {
    const { ask, groups } = gatherOf()
    const answers = [ask('a1')]
    await settled()
    answers.push(ask('a2'))
    await settled()
    answers.push(ask('a3'))
    await settled()
    assert.deepEqual(asked(groups), [['a1']])
    groups[0]?.answer()
    await settled()
    assert.deepEqual(asked(groups), [['a1'], ['a2', 'a3']])
    groups[1]?.answer()
    assert.deepEqual(await Promise.all(answers), ['re a1', 're a2', 're a3'])
  })

  test('never mixes keys, and one key does not wait for another', async () => {
    const { ask, groups } = gatherOf()
    const answers = Promise.all(['a1', 'b1', 'a2', 'b2'].map(ask))
    await settled()
    assert.deepEqual(
      groups.map(({ key, asks }) => [key, asks]),
      [
        ['a', ['a1', 'a2']],
        ['b', ['b1', 'b2']],
      ],
    )
    groups[1]?.answer()
    const later = ask('b3')
    await settled()
    assert.deepEqual(groups[2]?.asks, ['b3'])
    groups[2]?.answer()
    assert.equal(await later, 're b3')
    groups[0]?.answer()
    assert.deepEqual(await answers, ['re a1', 're b1', 're a2', 're b2'])
  })

  const sizes = [
    [1, [1]],
    [3, [3]],
    [4, [3, 1]],
    [7, [3, 3, 1]],
  ] as const
  for (const [count, expected] of sizes) {
    test(`sends ${count} questions, at most 3 a group, as ${expected.join(' + ')}`, async () => {
      const { ask, groups } = gatherOf({ asksMax: 3 })
      const asks = Array.from({ length: count }, (_, index) => `a${index}`)
      const answers = Promise.all(asks.map(ask))
      for (const [index, size] of expected.entries()) {
        await settled()
        assert.equal(groups.length, index + 1)
        assert.equal(groups[index]?.asks.length, size)
        groups[index]?.answer()
      }
      assert.deepEqual(
        await answers,
        asks.map((one) => `re ${one}`),
      )
    })
  }
})

describe('a gather that is full', () => {
  test('refuses one question more than may wait, and answers the others', async () => {
    const { ask, groups } = gatherOf({ waitingMax: 2 })
    const answers = Promise.allSettled(['a1', 'a2', 'a3'].map(ask))
    await settled()
    groups[0]?.answer()
    const [first, second, third] = await answers
    assert.deepEqual(
      [first, second],
      [
        { status: 'fulfilled', value: 're a1' },
        { status: 'fulfilled', value: 're a2' },
      ],
    )
    assert.ok(third?.status === 'rejected' && third.reason instanceof GatherFull)
    assert.equal(third.reason.name, 'GatherFull')
  })

  test('does not count what is in flight, and has room again when a group left', async () => {
    const { ask, groups } = gatherOf({ waitingMax: 1 })
    const first = ask('a1')
    await settled()
    const second = ask('a2')
    await assert.rejects(ask('a3'), GatherFull)
    groups[0]?.answer()
    await settled()
    const fourth = ask('a4')
    groups[1]?.answer()
    await settled()
    groups[2]?.answer()
    assert.deepEqual(await Promise.all([first, second, fourth]), ['re a1', 're a2', 're a4'])
  })

  test('is full for one key alone', async () => {
    const { ask, groups } = gatherOf({ waitingMax: 1 })
    const answers = ['a1', 'b1'].map(ask)
    await assert.rejects(ask('a2'), GatherFull)
    await settled()
    for (const group of groups) group.answer()
    assert.deepEqual(await Promise.all(answers), ['re a1', 're b1'])
  })
})

describe('a group that fails', () => {
  test('rejects its own questions with the reason, and the next group goes on', async () => {
    const { ask, groups } = gatherOf()
    const reason = new Error('connection lost')
    const failing = Promise.allSettled(['a1', 'a2'].map(ask))
    await settled()
    const next = ask('a3')
    groups[0]?.fail(reason)
    assert.deepEqual(await failing, [
      { status: 'rejected', reason },
      { status: 'rejected', reason },
    ])
    await settled()
    groups[1]?.answer()
    assert.equal(await next, 're a3')
  })

  test('does not touch the groups of other keys', async () => {
    const { ask, groups } = gatherOf()
    const [failing, other] = [ask('a1'), ask('b1')]
    await settled()
    groups[0]?.fail(new Error('broken'))
    await assert.rejects(failing, { message: 'broken' })
    groups[1]?.answer()
    assert.equal(await other, 're b1')
  })

  test('may throw at once: that is the same as failing later', async () => {
    let isBroken = true
    const gather = createGather<string, string>({
      keyOf: () => 'key',
      answerAll(_, asks) {
        if (isBroken) throw new Error('broken')
        return Promise.resolve(asks)
      },
      asksMax: 10,
      waitingMax: 10,
    })
    await assert.rejects(gather.ask('first'), { message: 'broken' })
    isBroken = false
    assert.equal(await gather.ask('second'), 'second')
  })
})

describe('a group that lingers', () => {
  /** Sends a group of `count` questions and answers it. */
  async function rush(world: ReturnType<typeof gatherOf>, count: number): Promise<void> {
    const answers = Array.from({ length: count }, (_, index) => world.ask(`a${index}`))
    await settled()
    world.groups.at(-1)?.answer()
    await Promise.all(answers)
    await settled()
  }

  for (const [count, lingers] of [
    [1, false],
    [7, false],
    [8, true],
    [30, true],
  ] as const) {
    test(`${lingers ? 'follows' : 'does not follow'} one of ${count}`, async (t) => {
      t.mock.timers.enable({ apis: ['setTimeout'] })
      const world = gatherOf()
      await rush(world, count)
      const answer = world.ask('a-late')
      await settled()
      assert.equal(world.groups.length, lingers ? 1 : 2)
      t.mock.timers.tick(1)
      await settled()
      assert.deepEqual(world.groups.at(-1)?.asks, ['a-late'])
      world.groups.at(-1)?.answer()
      assert.equal(await answer, 're a-late')
    })
  }

  test('leaves after a millisecond with those who came until then', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const world = gatherOf()
    await rush(world, 8)
    const answers = ['a1', 'a2'].map(world.ask)
    await settled()
    answers.push(world.ask('a3'))
    await settled()
    assert.equal(world.groups.length, 1)
    t.mock.timers.tick(1)
    await settled()
    assert.deepEqual(world.groups[1]?.asks, ['a1', 'a2', 'a3'])
    world.groups[1]?.answer()
    assert.equal((await Promise.all(answers)).length, 3)
  })

  test('leaves at once when as many have come as were just answered', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const world = gatherOf()
    await rush(world, 8)
    const asks = Array.from({ length: 8 }, (_, index) => `a${index}`)
    const answers = asks.slice(0, 7).map(world.ask)
    await settled()
    assert.equal(world.groups.length, 1)
    answers.push(world.ask('a7'))
    await settled()
    assert.deepEqual(world.groups[1]?.asks, asks)
    world.groups[1]?.answer()
    assert.equal((await Promise.all(answers)).length, 8)
  })

  test('waits for those in flight and those who waited behind them alike', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const world = gatherOf()
    const first = Array.from({ length: 5 }, (_, index) => world.ask(`a${index}`))
    await settled()
    const second = Array.from({ length: 4 }, (_, index) => world.ask(`a-next${index}`))
    world.groups[0]?.answer()
    await Promise.all(first)
    await settled()
    assert.equal(world.groups.length, 1)
    const again = Array.from({ length: 5 }, (_, index) => world.ask(`a-again${index}`))
    await settled()
    assert.equal(world.groups[1]?.asks.length, 9)
    world.groups[1]?.answer()
    assert.equal((await Promise.all([...second, ...again])).length, 9)
  })

  test('is the last one to linger once the rush is over', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const world = gatherOf()
    await rush(world, 8)
    const late = world.ask('a-late')
    await settled()
    t.mock.timers.tick(1)
    await settled()
    world.groups[1]?.answer()
    assert.equal(await late, 're a-late')
    await settled()
    const next = world.ask('a-next')
    await settled()
    assert.deepEqual(world.groups[2]?.asks, ['a-next'])
    world.groups[2]?.answer()
    assert.equal(await next, 're a-next')
  })
})

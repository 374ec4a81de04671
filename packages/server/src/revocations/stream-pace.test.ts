import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { createPace } from './stream-pace.ts'

/** Work of a given cost on clocks of the test's own. */
function stage({ mock }: TestContext) {
  mock.timers.enable({ apis: ['setTimeout'] })
  const clock = { nowMs: 1000, costMs: 0, count: 0 }
  const work = () => {
    clock.count += 1
    // Sockets are written to when the turn is over.
    process.nextTick(() => {
      clock.nowMs += clock.costMs
    })
  }
  const pace = createPace({ work, monotonicNow: () => clock.nowMs, restMsMax: 100 })
  /** Lets time pass, and what is due happen. */
  const pass = async (ms: number) => {
    clock.nowMs += ms
    // In a turn of its own, as timers are: what it leaves for the end of the turn comes first.
    await new Promise<void>((resolve) => {
      setImmediate(() => {
        mock.timers.tick(ms)
        resolve()
      })
    })
    await new Promise(setImmediate)
  }
  return { clock, pace, pass }
}

describe('a pace', () => {
  test('lets pass at once, and once for all that ask in a turn', async (t) => {
    const { clock, pace, pass } = stage(t)
    pace.ask()
    pace.ask()
    assert.equal(clock.count, 0)
    await pass(0)
    assert.equal(clock.count, 1)
    await pass(1000)
    assert.equal(clock.count, 1)
  })

  test('rests for twice its cost, in which what is asked for comes together', async (t) => {
    const { clock, pace, pass } = stage(t)
    clock.costMs = 11
    pace.ask()
    await pass(0)
    clock.costMs = 0
    for (let ms = 0; ms < 21; ms++) {
      pace.ask()
      await pass(1)
    }
    assert.equal(clock.count, 1)
    await pass(1)
    assert.equal(clock.count, 2)
  })

  test('lets pass at once when its rest is over', async (t) => {
    const { clock, pace, pass } = stage(t)
    clock.costMs = 11
    pace.ask()
    await pass(0)
    await pass(22)
    pace.ask()
    await pass(0)
    assert.equal(clock.count, 2)
  })

  /** How many milliseconds pass until the work is done again. */
  async function restOf({ clock, pace, pass }: ReturnType<typeof stage>): Promise<number> {
    const countBefore = clock.count
    pace.ask()
    for (let ms = 0; ms < 200; ms++) {
      await pass(ms === 0 ? 0 : 1)
      if (clock.count > countBefore) return ms
    }
    return Number.NaN
  }

  test('takes a tenth of what one time cost more, and half of what it cost less', async (t) => {
    const world = stage(t)
    const { clock, pace, pass } = world
    const costsMs = [10, 20, 2, 0]
    const restsMs: number[] = []
    clock.costMs = costsMs[0] ?? 0
    pace.ask()
    await pass(0)
    for (const costMs of costsMs.slice(1)) {
      clock.costMs = costMs
      restsMs.push(await restOf(world))
    }
    // Usually 10; then 10 + 1; then 11 - 4.5.
    assert.deepEqual(restsMs, [20, 22, 13])
  })

  test('never rests for longer than it may', async (t) => {
    const { clock, pace, pass } = stage(t)
    clock.costMs = 900
    pace.ask()
    await pass(0)
    pace.ask()
    await pass(99)
    assert.equal(clock.count, 1)
    await pass(1)
    assert.equal(clock.count, 2)
  })
})

import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { pino } from 'pino'
import { startRecurringWork, type Task } from './recurring-work.ts'

const intervalMs = 1000

/** A log of which the test reads the lines. */
function logOfLines() {
  const lines: Readonly<Record<string, unknown>>[] = []
  const log = pino(
    { base: null, timestamp: false },
    { write: (text) => lines.push(JSON.parse(text)) },
  )
  return { log, lines }
}

/** Lets everything run that waits for nothing but its turn. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

async function passOneInterval(t: TestContext): Promise<void> {
  t.mock.timers.tick(intervalMs)
  await settled()
}

/** A task that writes down that it ran, and may do something then. */
function recording(done: string[], name: string, then: () => unknown = () => undefined): Task {
  return {
    name,
    async run() {
      done.push(name)
      await then()
    },
  }
}

/** A gate that holds up whoever comes with this number until it is opened. */
function gateAt(closedFor: number) {
  let open = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { open, pass: (count: number) => (count === closedFor ? opened : undefined) }
}

describe('a task that recurs', () => {
  test('is done once, after those before it, before its start is over', async (t) => {
    t.mock.timers.enable({ apis: ['setInterval'] })
    const done: string[] = []
    const tasks = [
      recording(done, 'slow', async () => {
        await settled()
        done.push('slow is over')
      }),
      recording(done, 'quick'),
    ]
    const work = await startRecurringWork({ tasks, intervalMs, log: logOfLines().log })
    assert.deepEqual(done, ['slow', 'slow is over', 'quick'])
    await work.stop()
  })

  test('is done once each interval until it is stopped', async (t) => {
    t.mock.timers.enable({ apis: ['setInterval'] })
    const done: string[] = []
    const tasks = [recording(done, 'a'), recording(done, 'b')]
    const work = await startRecurringWork({ tasks, intervalMs, log: logOfLines().log })
    t.mock.timers.tick(intervalMs - 1)
    await settled()
    assert.deepEqual(done, ['a', 'b'])
    t.mock.timers.tick(1)
    await settled()
    await passOneInterval(t)
    assert.deepEqual(done, ['a', 'b', 'a', 'b', 'a', 'b'])
    await work.stop()
    await passOneInterval(t)
    assert.equal(done.length, 6)
  })

  test('leaves its first failure to the caller, and is not repeated then', async (t) => {
    t.mock.timers.enable({ apis: ['setInterval'] })
    const done: string[] = []
    const { log, lines } = logOfLines()
    const broken = recording(done, 'broken', () => Promise.reject(new Error('no table')))
    const tasks = [broken, recording(done, 'next')]
    await assert.rejects(startRecurringWork({ tasks, intervalMs, log }), { message: 'no table' })
    await passOneInterval(t)
    assert.deepEqual(done, ['broken'])
    assert.deepEqual(lines, [])
  })

  test('has a later failure logged by its name, and goes on like the others', async (t) => {
    t.mock.timers.enable({ apis: ['setInterval'] })
    const done: string[] = []
    const { log, lines } = logOfLines()
    const broken = recording(done, 'broken', () => {
      if (done.length > 2) throw new Error('no connection')
    })
    const tasks = [broken, recording(done, 'next')]
    const work = await startRecurringWork({ tasks, intervalMs, log })
    await passOneInterval(t)
    await passOneInterval(t)
    assert.deepEqual(done, ['broken', 'next', 'broken', 'next', 'broken', 'next'])
    assert.deepEqual(
      lines.map(({ level, task, msg, err }) => ({
        level,
        task,
        msg,
        error: (err as Error).message,
      })),
      Array.from({ length: 2 }, () => ({
        level: 50,
        task: 'broken',
        msg: 'recurring work failed; its next round tries again',
        error: 'no connection',
      })),
    )
    await work.stop()
  })

  test('does not begin while its former round is under way', async (t) => {
    t.mock.timers.enable({ apis: ['setInterval'] })
    const done: string[] = []
    const gate = gateAt(2)
    const slow = recording(done, 'slow', () => gate.pass(done.length))
    const work = await startRecurringWork({ tasks: [slow], intervalMs, log: logOfLines().log })
    await passOneInterval(t)
    await passOneInterval(t)
    assert.deepEqual(done, ['slow', 'slow'])
    gate.open()
    await settled()
    assert.deepEqual(done, ['slow', 'slow', 'slow'])
    await work.stop()
  })

  test('is stopped when the round that is under way is over', async (t) => {
    t.mock.timers.enable({ apis: ['setInterval'] })
    const done: string[] = []
    const gate = gateAt(3)
    const slow = recording(done, 'slow', () => gate.pass(done.length))
    const tasks = [slow, recording(done, 'last')]
    const work = await startRecurringWork({ tasks, intervalMs, log: logOfLines().log })
    await passOneInterval(t)
    const stopped = work.stop().then(() => done.push('stopped'))
    await settled()
    assert.deepEqual(done, ['slow', 'last', 'slow'])
    gate.open()
    await stopped
    assert.deepEqual(done, ['slow', 'last', 'slow', 'last', 'stopped'])
  })
})

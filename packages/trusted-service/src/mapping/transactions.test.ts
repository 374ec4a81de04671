import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Db, Dialect } from './tables.ts'
import { inTransaction } from './transactions.ts'

/** A database whose transactions end in the given errors, one after the other, and then well. */
function newScene(dialect: Dialect, errors: readonly Error[]) {
  const waiting = [...errors]
  const slept: number[] = []
  const levels: string[] = []
  const transaction = {
    setIsolationLevel: (level: string) => {
      levels.push(level)
      return transaction
    },
    execute: async (act: () => Promise<unknown>) => {
      const error = waiting.shift()
      if (error !== undefined) throw error
      return act()
    },
  }
  const db = { transaction: () => transaction } as unknown as Db
  const sleep = async (ms: number) => void slept.push(ms)
  const run = () =>
    inTransaction({ db, dialect, sleep, random: () => 0.5 }, async () => 'committed')
  return { run, slept, levels, waiting }
}

function told(code: string, message = 'come again'): Error {
  return Object.assign(new Error(message), { code })
}

describe('a transaction', () => {
  const conflicts = [
    ['postgresql', told('40001')],
    ['postgresql', told('40P01')],
    ['mysql', told('ER_LOCK_DEADLOCK')],
    ['mysql', told('ER_LOCK_WAIT_TIMEOUT')],
    ['sqlite', told('SQLITE_BUSY')],
    ['sqlite', new Error('database is locked')],
  ] as const
  for (const [dialect, error] of conflicts) {
    test(`is repeated after ${'code' in error ? error.code : error.message}`, async () => {
      const { run, slept, levels } = newScene(dialect, [error, error])
      assert.equal(await run(), 'committed')
      assert.deepEqual(slept, [20, 40])
      assert.deepEqual(levels, dialect === 'sqlite' ? [] : Array(3).fill('read committed'))
    })
  }

  test('is given up after eight conflicts', async () => {
    const { run, waiting } = newScene('mysql', Array(9).fill(told('ER_LOCK_DEADLOCK')))
    await assert.rejects(run(), /come again/)
    assert.equal(waiting.length, 1)
  })

  test('that fails for another reason is not repeated', async () => {
    const { run, slept } = newScene('postgresql', [told('42P01', 'no such table')])
    await assert.rejects(run(), /no such table/)
    assert.deepEqual(slept, [])
  })
})

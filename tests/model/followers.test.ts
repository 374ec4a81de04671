import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { search } from './spin.ts'

// Compiled tests lie in tests/dist/model.
const model = join(import.meta.dirname, '..', '..', 'model', 'followers.pml')

const atOnce = { concurrency: 2 }

test('no follower accepts a token below a cut-off that was answered', async (context) => {
  const found = await search({ model, defined: [], order: 'depth-first' })
  context.diagnostic(`${found.stateCount.toLocaleString()} states, ${found.seconds} s`)
  assert.equal(found.violation, undefined, found.way.join('\n'))
  assert.ok(found.stateCount > 10_000, String(found.stateCount))
})

const rules = [
  ['a server tells what the log has, not what it knows itself', 'READING_THE_LOG'],
  ['a lease begins when what was told was applied', 'CATCHING_UP'],
  ['a lease is counted from before it was asked for', 'COUNTING_FROM_SENDING'],
  ['a cut-off is applied before that is said', 'APPLYING_FIRST'],
  ['a wait is longer than a lease by what clocks may err', 'MARGIN'],
  ['a row is taken out only if it was not renewed', 'UNTOUCHED_ROW'],
  ['a follower stops accepting before it leaves', 'STOPPING_FIRST'],
  ['a row outlives the credential that it came by', 'ROWS_THAT_OUTLIVE'],
] as const

describe('of followers, each rule is needed', atOnce, () => {
  for (const [rule, name] of rules) {
    test(rule, async (context) => {
      const found = await search({ model, defined: [`WITHOUT_${name}`], order: 'depth-first' })
      context.diagnostic(`without "${rule}": an error after ${found.way.length} steps`)
      assert.match(found.violation ?? 'everything held', /lease==0|memory>=answered/)
      assert.ok(found.way.length > 0)
    })
  }
})

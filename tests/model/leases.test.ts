import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { type Found, type Search, search } from './spin.ts'

// Compiled tests lie in tests/dist/model.
const model = join(import.meta.dirname, '..', '..', 'model', 'leases.pml')

/** As many searches at a time as a small machine has processors. */
const atOnce = { concurrency: 2 }

function searchWith(defined: readonly string[], order: Search['order']): Promise<Found> {
  return search({ model, defined, order })
}

function tell(context: TestContext, found: Found): void {
  const { stateCount, transitionCount, seconds } = found
  const [states, transitions] = [stateCount, transitionCount].map((count) => count.toLocaleString())
  context.diagnostic(`${context.name}: ${states} states, ${transitions} steps, ${seconds} s`)
}

const fine = ['NODES=2', 'CAUSES=2', 'FINE']

const promise = 'no node accepts a token below a cut-off that was answered'
const held = [
  [`${promise}: 3 nodes, 3 causes`, ['NODES=3', 'CAUSES=3', 'SORTED']],
  [`${promise}: 2 nodes, 3 causes, every step alone`, ['NODES=2', 'CAUSES=3', 'FINE', 'SORTED']],
  [`${promise}: 3 nodes, 2 causes, every step alone`, ['NODES=3', 'CAUSES=2', 'FINE', 'SORTED']],
  [`${promise}: rows are watched, too`, [...fine, 'WATCHED', 'SORTED']],
  [`${promise}: the primary fails over`, [...fine, 'FAILOVER', 'SORTED']],
  [
    'when the faults end all accept, and all are answered: 3 nodes, 2 causes',
    ['NODES=3', 'CAUSES=2', 'HEALING', 'SORTED'],
  ],
  [
    'who will never answer again is waited for twice at most: 2 nodes, 3 causes',
    ['NODES=2', 'CAUSES=3', 'HEALING', 'SORTED'],
  ],
  [
    'that takes at most 20 steps of 2 nodes and 2 causes',
    ['NODES=2', 'CAUSES=2', 'HEALING', 'SORTED', 'COUNTED', 'STEPS=20'],
  ],
] as const

describe('in every state that can be reached', atOnce, () => {
  for (const [says, defined] of held) {
    test(says, async (context) => {
      const found = await searchWith(defined, 'depth-first')
      tell(context, found)
      assert.equal(found.violation, undefined, found.way.join('\n'))
    })
  }
})

const failover = [...fine, 'FAILOVER']
const healing = ['NODES=2', 'CAUSES=2', 'HEALING']
const healingOfThree = ['NODES=2', 'CAUSES=3', 'HEALING', 'SORTED']

/** What is seen when a rule is missing. */
const accepted = /lease>0\)\)\|\|/
const acceptedLater = /after& /
const stuck = /^invalid end state/
const waited = /prompt/

const rules = [
  ['the database renews only a row that is there', 'ROW_CHECK', fine, accepted],
  ['a row is committed before the log is read for a lease', 'ROW_BEFORE_LEASE', fine, accepted],
  ['a lease is counted from before its renewal was sent', 'COUNTING_FROM_SENDING', fine, accepted],
  ['a lease begins when what it told was applied', 'CATCHING_UP', fine, accepted],
  ['the end of a lease is looked at in each check', 'EXPIRY_AT_THE_CHECK', fine, accepted],
  ['the clock is read after the request came', 'FRESH_CLOCK', fine, acceptedLater],
  ['numbers become visible in their order', 'COMMIT_ORDER', fine, accepted],
  ['no event is applied before the one before it', 'GAP_CHECK', fine, accepted],
  ['an event is applied before that is recorded', 'APPLYING_FIRST', fine, accepted],
  ['a node stops accepting before its row goes', 'STOPPING_FIRST', fine, accepted],
  ['a cause is answered when nobody is waited for', 'WAITING', fine, accepted],
  ['the table is read after the commit', 'READING_AFTER_THE_COMMIT', fine, accepted],
  ['a wait is longer than a lease by what clocks may err', 'MARGIN', fine, accepted],
  ['a row is taken out after a whole wait', 'WAITING_OUT', fine, accepted],
  ['a row is taken out only if it was not renewed', 'UNTOUCHED_ROW', fine, accepted],
  ['a renewal reaches the standby', 'SYNCHRONOUS_RENEWAL', failover, accepted],
  ['a lease begins on the log that was told', 'TIMELINE_IN_LEASES', failover, accepted],
  ['what is recorded names its log', 'TIMELINE_IN_RECORDS', failover, accepted],
  ['a new log is read from its beginning', 'TIMELINE_IN_THE_TAIL', failover, accepted],
  ['a wait has an end', 'WAIT_LIMIT', healing, waited],
  ['a node whose row is gone joins again', 'JOINING_AGAIN', healing, stuck],
  ['a row that was waited for in vain is taken out', 'TAKING_ROWS_OUT', healingOfThree, waited],
  ['who is behind does not renew', 'STOPPING_WHEN_BEHIND', healingOfThree, waited],
  ['who is behind does not join', 'READING_BEFORE_JOINING', healingOfThree, waited],
] as const

/** Whose way is printed: the shortest story that is not obvious. */
const told = 'ROW_BEFORE_LEASE'

describe('each rule is needed', atOnce, () => {
  for (const [rule, name, defined, seen] of rules) {
    test(rule, async (context) => {
      const isLarge = defined === healingOfThree
      const order = isLarge ? 'depth-first' : 'breadth-first'
      const found = await searchWith([...defined, `WITHOUT_${name}`], order)
      context.diagnostic(`without "${rule}": an error after ${found.way.length} steps`)
      assert.match(found.violation ?? 'everything held', seen)
      assert.ok(found.way.length > 0)
      if (name === told) for (const step of found.way) context.diagnostic(`    ${step}`)
    })
  }
})

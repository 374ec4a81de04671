import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import {
  createSeenTokens,
  findSeen,
  forgetSeen,
  hashOf,
  keepSeenOf,
  ownCopy,
  rememberSeen,
  type SeenToken,
  type SeenTokens,
} from './seen-tokens.ts'

const tokenNumber = (number: number) => `eyJ0.eyJ1.${String(number).padStart(86, '0')}`

function entryOf(token: string, kid = 'a'): SeenToken {
  const verdict = {} as SeenToken['verdict']
  const judged = { endsAtMs: 1, judgedVersion: 0, isFresh: false }
  return { token, hash: hashOf(token), verdict, subjects: [], scopes: undefined, kid, ...judged }
}

function remembering(count: number, entriesMax: number): SeenTokens {
  const seen = createSeenTokens(entriesMax)
  for (let number = 0; number < count; number++) rememberSeen(seen, entryOf(tokenNumber(number)))
  return seen
}

const remembered = (seen: SeenTokens) => seen.entries.flatMap((entry) => entry?.token ?? [])
const isRemembered = (seen: SeenTokens, number: number) =>
  remembered(seen).includes(tokenNumber(number))

describe('the memory of seen tokens', () => {
  test('finds a token that it was given, in another string of the same text', () => {
    const seen = remembering(10, 10)
    assert.equal(findSeen(seen, Buffer.from(tokenNumber(7)).toString())?.token, tokenNumber(7))
  })

  test('does not believe in the end of a token', () => {
    const seen = remembering(10, 10)
    assert.equal(findSeen(seen, tokenNumber(7).replace('eyJ1', 'eyJ2')), undefined)
    assert.equal(findSeen(seen, tokenNumber(7).slice(1)), undefined)
    assert.equal(findSeen(seen, tokenNumber(7).slice(-12)), undefined)
    assert.equal(findSeen(seen, ''), undefined)
  })

  test('tells tokens apart that end alike', () => {
    const seen = createSeenTokens(10)
    const twins = ['eyJ0', 'eyJ8', 'eyJ9'].map((start) => tokenNumber(0).replace('eyJ0', start))
    const entries = twins.map((token) => entryOf(token))
    for (const entry of entries) rememberSeen(seen, entry)
    for (const entry of entries) assert.equal(findSeen(seen, entry.token), entry)
    const [first, second, third] = entries as [SeenToken, SeenToken, SeenToken]
    forgetSeen(seen, second)
    assert.deepEqual(
      entries.map(({ token }) => findSeen(seen, token)),
      [first, undefined, third],
    )
    forgetSeen(seen, third)
    assert.equal(findSeen(seen, first.token), first)
    forgetSeen(seen, first)
    assert.equal(findSeen(seen, first.token), undefined)
  })

  test('never holds more than it may', () => {
    for (const entriesMax of [0, 1, 2, 100]) {
      assert.equal(remembered(remembering(1000, entriesMax)).length, entriesMax)
    }
  })

  test('without room remembers nothing, anywhere', () => {
    const seen = remembering(10, 0)
    assert.deepEqual(seen, createSeenTokens(0))
    assert.deepEqual(Object.keys(seen.entries), ['0'])
  })

  test('holds as many as it may, all of them useful', () => {
    const seen = remembering(100, 100)
    for (let round = 0; round < 3; round++) {
      for (let number = 0; number < 100; number++) assert.ok(findSeen(seen, tokenNumber(number)))
    }
  })

  test('gives up tokens that were not used for those that were', () => {
    const seen = remembering(100, 100)
    for (let number = 100; number < 1000; number++) {
      assert.ok(findSeen(seen, tokenNumber(3)), `lost at ${number}`)
      rememberSeen(seen, entryOf(tokenNumber(number)))
    }
  })

  test('gives up some token even where all are in use', () => {
    const seen = remembering(200, 200)
    for (let number = 0; number < 200; number++) findSeen(seen, tokenNumber(number))
    rememberSeen(seen, entryOf(tokenNumber(200)))
    assert.equal(remembered(seen).length, 200)
    assert.equal(isRemembered(seen, 200), true)
    // It does not go through all of them to find that out: 64 are spared, the next one goes.
    assert.equal(isRemembered(seen, 63), true)
    assert.equal(isRemembered(seen, 64), false)
  })

  test('takes a token again after it was forgotten, once or twice', () => {
    const seen = remembering(3, 3)
    for (let round = 0; round < 100; round++) {
      const entry = entryOf(tokenNumber(round % 5))
      rememberSeen(seen, entry)
      assert.equal(findSeen(seen, entry.token), entry)
      forgetSeen(seen, entry)
      forgetSeen(seen, entry)
      assert.notEqual(findSeen(seen, entry.token), entry)
      assert.ok(remembered(seen).length < 3)
    }
  })

  test('drops the tokens of keys that are gone', () => {
    const seen = remembering(5, 10)
    rememberSeen(seen, entryOf(tokenNumber(5), 'b'))
    keepSeenOf(seen, new Set(['b']))
    assert.deepEqual(remembered(seen), [tokenNumber(5)])
  })
})

describe('the copy of a token', () => {
  test('is equal to it, whatever its length', () => {
    for (const text of ['', 'a', 'ab', tokenNumber(1), tokenNumber(1).repeat(50)]) {
      assert.equal(ownCopy(text), text)
    }
  })

  test('does not keep the message alive that it was cut from', () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const heap = () => {
      collect()
      return process.memoryUsage().heapUsed
    }
    const before = heap()
    const kept: string[] = []
    for (let number = 0; number < 50; number++) {
      const message = Buffer.alloc(1_000_000, tokenNumber(number)).toString('latin1')
      kept.push(ownCopy(message.slice(100_000, 100_800)))
    }
    const grown = heap() - before
    assert.equal(kept.length, 50)
    assert.ok(grown < 5_000_000, `${grown} bytes for 50 tokens of 800`)
  })
})

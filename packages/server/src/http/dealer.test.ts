import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createDealer } from './dealer.ts'

const limits = { waitingMax: 3, offersMax: 4 }

/** A dealer of names, with what became of each. */
function newTable() {
  const dealer = createDealer<{ readonly name: string; readonly drop: () => void }>(limits)
  const dropped: string[] = []
  const deal = (name: string) => dealer.deal({ name, drop: () => void dropped.push(name) })
  const newTaker = () => {
    const offered: string[] = []
    const numbers = new Map<string, number>()
    const taker = {
      offer: ({ name }: { readonly name: string }, number: number) => {
        offered.push(name)
        numbers.set(name, number)
      },
    }
    const take = (name: string) => dealer.take(taker, numbers.get(name) ?? 0)?.name
    return { taker, offered, take }
  }
  return { dealer, dropped, deal, newTaker }
}

describe('a dealer', () => {
  test('spreads evenly what stays, whoever is the quickest to take', () => {
    const { dealer, deal, newTaker } = newTable()
    const [quick, slow] = [newTaker(), newTaker()]
    for (const { taker } of [quick, slow]) dealer.join(taker)
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) {
      deal(name)
      quick.take(name)
    }
    assert.deepEqual(
      [quick.offered, slow.offered],
      [
        ['a', 'c', 'e'],
        ['b', 'd', 'f'],
      ],
    )
  })

  test('offers one that hangs nothing more while others come and go', () => {
    const { dealer, deal, newTaker } = newTable()
    const [alive, hung] = [newTaker(), newTaker()]
    for (const { taker } of [alive, hung]) dealer.join(taker)
    for (const name of ['a', 'b', 'c', 'd']) {
      deal(name)
      if (alive.take(name) !== undefined) dealer.finish(alive.taker)
    }
    assert.deepEqual([alive.offered, hung.offered], [['a', 'c', 'd'], ['b']])
  })

  test('deals again what one had not taken that left, and nothing that it had', () => {
    const { dealer, deal, dropped, newTaker } = newTable()
    const [dead, other] = [newTaker(), newTaker()]
    dealer.join(dead.taker)
    for (const name of ['a', 'b', 'c']) deal(name)
    assert.equal(dead.take('b'), 'b')
    dealer.join(other.taker)
    dealer.leave(dead.taker)
    assert.deepEqual(other.offered, ['a', 'c'])
    assert.equal(dead.take('a'), undefined)
    assert.deepEqual(dropped, [])
  })

  test('lets wait who comes while there is nobody, and drops who is too many', () => {
    const { dealer, deal, dropped, newTaker } = newTable()
    for (const name of ['a', 'b', 'c', 'd']) deal(name)
    assert.deepEqual(dropped, ['d'])
    const { taker, offered } = newTaker()
    dealer.join(taker)
    assert.deepEqual(offered, ['a', 'b', 'c'])
  })

  test('offers no more than a few at once, and the next when one is taken', () => {
    const { dealer, deal, newTaker } = newTable()
    const { taker, offered, take } = newTaker()
    dealer.join(taker)
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) deal(name)
    assert.deepEqual(offered, ['a', 'b', 'c', 'd'])
    assert.equal(take('b'), 'b')
    assert.deepEqual(offered, ['a', 'b', 'c', 'd', 'e'])
  })

  test('drops who waits when it is closed, and who comes later', () => {
    const { dealer, deal, dropped } = newTable()
    deal('a')
    dealer.close()
    deal('b')
    assert.deepEqual(dropped, ['a', 'b'])
  })
})

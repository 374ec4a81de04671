/** Somebody who came and is to be served by one of several. */
export interface Arrival {
  /** Gives it up: nobody can serve it. */
  readonly drop: () => void
}

/** One of those who serve. */
export interface Taker<One extends Arrival> {
  /** Offers it an arrival, which it takes by its number. */
  readonly offer: (one: One, number: number) => void
}

/** Deals arrivals out. */
export interface Dealer<One extends Arrival> {
  readonly deal: (one: One) => void
  readonly join: (taker: Taker<One>) => void
  /** It serves no more: what it was offered and has not taken is dealt again. */
  readonly leave: (taker: Taker<One>) => void
  /** Notes that an arrival was taken; @returns it. */
  readonly take: (taker: Taker<One>, number: number) => One | undefined
  /** Notes that one that was taken is served no more. */
  readonly finish: (taker: Taker<One>) => void
  /** Drops those who wait, and whoever comes from now on. */
  readonly close: () => void
}

/** What a taker has. */
interface Hand<One> {
  /** What it was offered and has not taken. */
  readonly offers: Map<number, One>
  takenCount: number
}

function sizeOf({ offers, takenCount }: Hand<unknown>): number {
  return offers.size + takenCount
}

/** Finds who has the fewest and room for an offer, the first of several. */
function findNext<One extends Arrival>(
  takers: ReadonlyMap<Taker<One>, Hand<One>>,
  offersMax: number,
): readonly [Taker<One>, Hand<One>] | undefined {
  let next: readonly [Taker<One>, Hand<One>] | undefined
  for (const [taker, hand] of takers) {
    const isFull = hand.offers.size >= offersMax
    if (!isFull && (next === undefined || sizeOf(hand) < sizeOf(next[1]))) next = [taker, hand]
  }
  return next
}

/**
 * Creates a dealer.
 *
 * Whoever has the fewest is next, taken or on the way, and of several the one whose turn is longest
 * ago: connections that stay are spread evenly, and a process that hangs gets hardly any of those
 * that come and go. Because an offer is open until it is taken, nobody who came is lost with a
 * process that is killed. (Those of `node:cluster` are: what it has handed to a worker that dies
 * before its answer stays open, served by nobody, for as long as the primary lives.)
 *
 * @param limits.waitingMax - arrivals while nobody can be offered any; what is beyond is dropped.
 * @param limits.offersMax - open offers of one taker.
 */
export function createDealer<One extends Arrival>(limits: {
  readonly waitingMax: number
  readonly offersMax: number
}): Dealer<One> {
  /** In the order of their turns. */
  const takers = new Map<Taker<One>, Hand<One>>()
  const waiting: One[] = []
  let isClosed = false
  let lastNumber = 0
  const deal = (one: One) => {
    const next = findNext(takers, limits.offersMax)
    if (isClosed || (next === undefined && waiting.length >= limits.waitingMax)) return one.drop()
    if (next === undefined) {
      waiting.push(one)
      return
    }
    const [taker, hand] = next
    lastNumber += 1
    takers.delete(taker)
    takers.set(taker, hand)
    hand.offers.set(lastNumber, one)
    taker.offer(one, lastNumber)
  }
  const dealAgain = (ones: Iterable<One>) => {
    for (const one of [...ones]) deal(one)
  }
  return {
    deal,
    join(taker) {
      takers.set(taker, { offers: new Map(), takenCount: 0 })
      dealAgain(waiting.splice(0))
    },
    leave(taker) {
      const hand = takers.get(taker)
      takers.delete(taker)
      dealAgain(hand?.offers.values() ?? [])
    },
    take(taker, number) {
      const hand = takers.get(taker)
      const one = hand?.offers.get(number)
      if (hand === undefined || one === undefined) return undefined
      hand.offers.delete(number)
      hand.takenCount += 1
      if (waiting.length > 0) dealAgain(waiting.splice(0, 1))
      return one
    },
    finish(taker) {
      const hand = takers.get(taker)
      if (hand !== undefined) hand.takenCount -= 1
    },
    close() {
      isClosed = true
      for (const one of waiting.splice(0)) one.drop()
    },
  }
}

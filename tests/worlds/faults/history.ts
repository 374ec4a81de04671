/**
 * What clients saw, and whether a service that keeps its promises could have shown it to them.
 *
 * All instants are those of one clock, the clients' own. An operation lies between the instant
 * before its request was sent and the one after its answer was read; where in between it took
 * effect nobody knows, and where no answer came nobody knows whether it did at all. So only what
 * holds for every such reading counts as broken.
 */

/** When an operation began and ended, milliseconds of the clients' clock. */
export interface Span {
  readonly startedAtMs: number
  readonly endedAtMs: number
}

/** How an act ended for its client; `unknown` covers every refusal and every silence. */
export type Outcome = 'acknowledged' | 'unknown'

/** An identity or a token that somebody was given. */
export interface Made extends Span {
  readonly kind: 'identity' | 'token'
  /** The identity, or the text of the token. */
  readonly name: string
}

/** An act after which tokens are void. */
export interface Voiding extends Span {
  readonly cause: string
  readonly outcome: Outcome
  /** Those tokens of whose issue the client knew before it began; what else it hits is unknown. */
  readonly tokens: readonly string[]
  /** What it deletes, beside voiding. */
  readonly deletes?: string | undefined
}

/** What a verifier said of a token. */
export interface Use extends Span {
  readonly token: string
  /** Who was asked. */
  readonly at: string
  /** `refused`: it said that it cannot say. */
  readonly verdict: 'live' | 'dead' | 'refused'
  /** For how long what it said may have been true before, milliseconds; 0 for a node. */
  readonly staleMs: number
}

/** Somebody who is asked, and from when on nothing was wrong with it, until something was again. */
export interface Healthy {
  readonly at: string
  readonly fromMs: number
  readonly untilMs: number
}

/** Everything that happened. */
export interface History {
  readonly made: readonly Made[]
  readonly voidings: readonly Voiding[]
  readonly uses: readonly Use[]
  readonly healthy: readonly Healthy[]
}

/** What was there when everything was over. */
export interface Remains {
  readonly identities: ReadonlySet<string>
  readonly tokens: ReadonlySet<string>
}

/** Everything that must not have happened, in words; a history without any is a good one. */
export type Complaints = Readonly<
  Record<'acceptedVoid' | 'diedUnasked' | 'refusedAfterHealing' | 'lost', readonly string[]>
>

/**
 * Looks for what must not have happened.
 *
 * @param graceMs - a node may refuse for so long after it was healed.
 */
export function complaintsAbout(
  history: History,
  graceMs: number,
): Pick<Complaints, 'acceptedVoid' | 'diedUnasked' | 'refusedAfterHealing'> {
  const first = firstVoidings(history.voidings)
  const acceptedVoid: string[] = []
  const diedUnasked: string[] = []
  const refusedAfterHealing: string[] = []
  for (const use of history.uses) {
    const { begun, over } = first.get(use.token) ?? neverVoided
    const { startedAtMs, endedAtMs, verdict, at } = use
    const what = `${use.token.slice(-12)} at ${at}, ${startedAtMs.toFixed()} ms`
    if (verdict === 'live' && over !== undefined && startedAtMs > over.endedAtMs + use.staleMs) {
      const lateMs = startedAtMs - over.endedAtMs
      acceptedVoid.push(`${what}: ${lateMs.toFixed(1)} ms after ${over.cause} was answered`)
    }
    if (verdict === 'live') continue
    const isUnasked = begun === undefined || endedAtMs < begun.startedAtMs
    if (isUnasked && verdict === 'dead') diedUnasked.push(what)
    if (isUnasked && verdict === 'refused') {
      const health = healthOf(history.healthy, use)
      const lateMs = endedAtMs - (health?.fromMs ?? endedAtMs)
      if (lateMs > graceMs)
        refusedAfterHealing.push(`${what}: ${lateMs.toFixed()} ms after healing`)
    }
  }
  return { acceptedVoid, diedUnasked, refusedAfterHealing }
}

/** What somebody was given, did not give back, and is not there any more; or is there again. */
export function lostOf(history: Pick<History, 'made' | 'voidings'>, left: Remains): string[] {
  const first = firstVoidings(history.voidings)
  const deletions = new Map(history.voidings.map((voiding) => [voiding.deletes, voiding]))
  const lost: string[] = []
  for (const { kind, name } of history.made) {
    const isThere = (kind === 'identity' ? left.identities : left.tokens).has(name)
    const voiding = kind === 'identity' ? deletions.get(name) : first.get(name)?.begun
    if (voiding === undefined && !isThere) lost.push(`${kind} ${name.slice(-12)} is gone`)
    const isOver = kind === 'identity' && voiding?.outcome === 'acknowledged'
    if (isOver && isThere) lost.push(`${kind} ${name.slice(-12)} is there in spite of its deletion`)
  }
  return lost
}

/** The voiding of a token that began first, and the acknowledged one that ended first. */
interface First {
  readonly begun: Voiding | undefined
  readonly over: Voiding | undefined
}

const neverVoided: First = { begun: undefined, over: undefined }

function firstVoidings(voidings: readonly Voiding[]): ReadonlyMap<string, First> {
  const all = new Map<string, First>()
  for (const voiding of voidings) {
    const isAcknowledged = voiding.outcome === 'acknowledged'
    for (const token of voiding.tokens) {
      const { begun = voiding, over } = all.get(token) ?? neverVoided
      const isFirst = isAcknowledged && voiding.endedAtMs < (over?.endedAtMs ?? Infinity)
      all.set(token, {
        begun: voiding.startedAtMs < begun.startedAtMs ? voiding : begun,
        over: isFirst ? voiding : over,
      })
    }
  }
  return all
}

/** The healthy time in which all of a use lies. */
function healthOf(healthy: readonly Healthy[], use: Use): Healthy | undefined {
  return healthy.find(
    ({ at, fromMs, untilMs }) =>
      at === use.at && fromMs <= use.startedAtMs && use.endedAtMs < untilMs,
  )
}

/**
 * What is held open under a token: sockets, streams, calls. Whoever opens one holds it here, and it
 * is closed when its token is void, expired, or signed by a key that is gone.
 *
 * A registry is a verifier itself, so that following tells it everything that the verifier is
 * told; it passes that on and then judges again what it may concern: of a cut-off those that depend
 * on its subject, of a snapshot or another key set all of them. In Node that is done before the
 * cut-off counts as applied, so a follower that is waited for has closed its sockets by the answer.
 *
 * Where something needs a scope, say so when it is held: a step-down that takes it closes that,
 * while the token goes on for what is left.
 *
 * A token that is only `stale` keeps what it opened: the server may be heard again in a moment.
 * Where that is too much, judge the token again for each message.
 */
import {
  type CutOff,
  checkClaims,
  type Scope,
  scopeSubjectsOf,
  subjectsOf,
  type VoidingSubject,
} from '@parley/protocol'
import type { FollowingVerifier } from './follow-options.ts'
import { systemNow } from './platform.ts'
import type { Accepted, Verdict } from './verdicts.ts'

/** A verifier of either entry. */
export interface OpeningVerifier extends FollowingVerifier {
  verify(token: string): Verdict | Promise<Verdict>
}

/** What something was opened under. */
export interface OpenedUnder {
  readonly token: string
  readonly verdict: Accepted
  /** Any one of them is enough; absent: it needs none. */
  readonly scopes?: readonly Scope[]
}

/** What is open, and the verifier that is to follow so that it is closed in time. */
export interface Openings extends FollowingVerifier {
  /**
   * Remembers something that was opened under a token, until it is closed here or let go.
   *
   * @param under - the token, and the verdict that accepted it; with `scopes`, it is closed too
   *   when the token has none of them any more.
   * @param close - closes it; called once at most, and must not throw.
   * @returns lets it go; harmless after it was closed.
   * @throws TypeError for a verdict that accepts nothing.
   */
  hold(under: OpenedUnder, close: () => void): () => void
  /** How many are open. */
  count(): number
}

interface Opening {
  readonly token: string
  readonly names: readonly string[]
  readonly scopes: readonly Scope[] | undefined
  readonly close: () => void
  /** Closes it when the token is over. */
  expiry: ReturnType<typeof setTimeout> | undefined
}

interface Registry {
  readonly verifier: OpeningVerifier
  readonly all: Set<Opening>
  readonly bySubject: Map<string, Set<Opening>>
}

/** Pause before a token that should be over is judged again, in milliseconds. */
const recheckMs = 1000

/**
 * Creates an empty registry. Let it follow in the place of its verifier.
 *
 * @param now - the clock of the verifier, milliseconds since the Unix epoch; default that of the
 *   platform.
 */
export function createOpenings(verifier: OpeningVerifier, now: () => number = systemNow): Openings {
  const registry: Registry = { verifier, all: new Set(), bySubject: new Map() }
  return {
    hold({ token, verdict, scopes }, close) {
      const checked = verdict.ok ? checkClaims({ ...verdict.claims }) : undefined
      if (checked === undefined) throw new TypeError('verdict: expected one that accepts')
      const generation = checked.claims.gen
      const subjects = [...subjectsOf(checked), ...scopeSubjectsOf({ ...checked, generation })]
      const names = subjects.map(nameOf)
      const opening: Opening = { token, names, scopes, close, expiry: undefined }
      const expire = () => {
        judge(registry, opening)
        // A verifier may forgive an expiry for some minutes (`clockToleranceSeconds`).
        const leftMs = Math.max(verdict.expiresAtMs - now(), recheckMs)
        if (registry.all.has(opening)) opening.expiry = setTimeout(expire, leftMs)
      }
      opening.expiry = setTimeout(expire, Math.max(verdict.expiresAtMs - now(), 0))
      enter(registry, opening)
      // It may have been voided since it was judged.
      judge(registry, opening)
      return () => void letGo(registry, opening)
    },
    count: () => registry.all.size,
    apply(cutOff: CutOff) {
      verifier.apply(cutOff)
      judgeAll(registry, registry.bySubject.get(nameOf(cutOff)))
    },
    replaceKeys(keys) {
      verifier.replaceKeys(keys)
      judgeAll(registry, registry.all)
    },
    trustUntil: (atMs, monotonicMs) => verifier.trustUntil(atMs, monotonicMs),
    beginSnapshot() {
      const snapshot = verifier.beginSnapshot()
      const finish = () => {
        snapshot.finish()
        judgeAll(registry, registry.all)
      }
      return { ...snapshot, finish }
    },
  }
}

function nameOf({ kind, resourceId, subject }: VoidingSubject): string {
  return `${kind}/${resourceId}/${subject}`
}

function enter({ all, bySubject }: Registry, opening: Opening): void {
  all.add(opening)
  for (const name of opening.names) {
    bySubject.set(name, (bySubject.get(name) ?? new Set()).add(opening))
  }
}

function letGo({ all, bySubject }: Registry, opening: Opening): boolean {
  if (!all.delete(opening)) return false
  clearTimeout(opening.expiry)
  for (const name of opening.names) {
    const held = bySubject.get(name)
    held?.delete(opening)
    if (held?.size === 0) bySubject.delete(name)
  }
  return true
}

function isTooNarrow(verdict: Accepted, { scopes }: Opening): boolean {
  return scopes !== undefined && !scopes.some((scope) => verdict.scopes.includes(scope))
}

function judgeAll(registry: Registry, openings: ReadonlySet<Opening> | undefined): void {
  for (const opening of [...(openings ?? [])]) judge(registry, opening)
}

function judge(registry: Registry, opening: Opening): void {
  const heed = (verdict: Verdict) => {
    const isOver = verdict.ok ? isTooNarrow(verdict, opening) : verdict.reason !== 'stale'
    if (isOver && letGo(registry, opening)) opening.close()
  }
  const verdict = registry.verifier.verify(opening.token)
  if (verdict instanceof Promise) void verdict.then(heed)
  else heed(verdict)
}

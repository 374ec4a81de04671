/**
 * What is held open under a credential or a token: streams, sockets, calls.
 *
 * Whoever holds something open says what it depends on, in the words of voiding: subjects, and the
 * generation that it carries of each. The event that would void such a token closes it. A change of
 * a resource closes all that is open in it, since it may have ended what no cut-off names (keys
 * taken out of use, a subscription disabled, an overlap of keys that is over): whoever is still
 * welcome comes again at once. A change of a part of it closes only what depends on that part.
 *
 * What is held open under a token needs scopes of it: a socket of chat any of the three for chat, a
 * call those for calling. A step-down closes it when it has taken the last one of those.
 *
 * No event names the tokens that an emergency among the signing keys voids, since those are all
 * there are. The published keys tell: while one of the former is among them, tokens go on; when
 * none is, nothing that is open was opened by a token that still verifies.
 */
import type { CarriedGeneration, CarriedScope, RevocationEvent } from '@parley/protocol'
import { isCutOffEvent, type LogEvent } from './model.ts'
import type { Follower } from './tail.ts'

/** A part of a resource that a change may be about, such as a verifier's credential. */
export interface PartOfResource {
  readonly kind: 'part'
  readonly resourceId: string
  readonly subject: string
}

/** What something that is open depends on. */
export type HeldSubject = CarriedGeneration | PartOfResource

/** What is held open in this process. */
export interface Openings {
  /**
   * Remembers something that is open, until it is closed here or let go. Call it in the turn in
   * which the credential was found good: what is cut off between the two would be missed.
   *
   * @param subjects - what it depends on, its resource among them.
   * @param close - closes it; called at most once, and must not throw.
   * @param scopes - those of the token any one of which is enough for it, from `scopeSubjectsOf`;
   *   absent: it needs none.
   * @returns lets it go; harmless after it was closed.
   */
  readonly hold: (
    subjects: readonly HeldSubject[],
    close: () => void,
    scopes?: readonly CarriedScope[],
  ) => () => void
  /** Closes what an event ends. Call it when whoever comes again is judged by the new state. */
  readonly apply: (event: LogEvent) => void
  /** Closes what needs scopes, which is what is open under an access token. */
  readonly closeTokens: () => void
  readonly closeAll: () => void
}

interface Opening {
  readonly subjects: readonly HeldSubject[]
  /** Of the scopes that are enough for it, those that nobody has taken. */
  scopesLeft: readonly CarriedScope[]
  readonly close: () => void
}

/** Creates an empty registry. */
export function createOpenings(): Openings {
  const bySubject = new Map<string, Set<Opening>>()
  const all = new Set<Opening>()
  const letGoOf = (opening: Opening, subjects: readonly HeldSubject[]) => {
    for (const subject of subjects) {
      const name = nameOf(subject)
      const held = bySubject.get(name)
      held?.delete(opening)
      if (held?.size === 0) bySubject.delete(name)
    }
  }
  const letGo = (opening: Opening) => {
    if (!all.delete(opening)) return false
    letGoOf(opening, [...opening.subjects, ...opening.scopesLeft])
    return true
  }
  const close = (opening: Opening) => {
    if (letGo(opening)) opening.close()
  }
  const takeScope = (opening: Opening, event: RevocationEvent) => {
    const taken = opening.scopesLeft.filter((scope) => isCutOffBy(scope, event))
    letGoOf(opening, taken)
    opening.scopesLeft = opening.scopesLeft.filter((scope) => !taken.includes(scope))
    if (taken.length > 0 && opening.scopesLeft.length === 0) close(opening)
  }
  return {
    hold(subjects, closeIt, scopes = []) {
      const opening = { subjects, scopesLeft: scopes, close: closeIt }
      all.add(opening)
      for (const subject of [...subjects, ...scopes]) {
        const name = nameOf(subject)
        const held = bySubject.get(name) ?? new Set()
        bySubject.set(name, held.add(opening))
      }
      return () => void letGo(opening)
    },
    apply(event) {
      const { resourceId } = event
      if (isCutOffEvent(event)) {
        for (const opening of [...(bySubject.get(nameOf(event)) ?? [])]) {
          if (opening.subjects.some((subject) => isCutOffBy(subject, event))) close(opening)
          else takeScope(opening, event)
        }
      } else if (event.kind === 'resource-changed') {
        const { part } = event
        const name =
          part === undefined
            ? nameOf({ kind: 'resource', resourceId, subject: resourceId })
            : nameOf({ kind: 'part', resourceId, subject: part })
        for (const opening of [...(bySubject.get(name) ?? [])]) close(opening)
      }
    },
    closeTokens() {
      for (const opening of [...all]) if (opening.scopesLeft.length > 0) close(opening)
    },
    closeAll() {
      for (const opening of [...all]) close(opening)
    },
  }
}

/**
 * Closes what is open under tokens when the last of the keys is gone by which they verify. To be
 * handed the published signing keys now and at every change, after the verifier has them.
 */
export function closingWithKeys(
  openings: Pick<Openings, 'closeTokens'>,
): (published: readonly { readonly kid: string }[]) => void {
  let former: ReadonlySet<string> = new Set()
  return (published) => {
    const isAnyLeft = published.some(({ kid }) => former.has(kid))
    former = new Set(published.map(({ kid }) => kid))
    if (!isAnyLeft) openings.closeTokens()
  }
}

/** Closes what an event ends once the credential is refused: whoever comes again is judged anew. */
export function closingAfter(informed: Follower, openings: Openings): Follower {
  return {
    ...informed,
    apply: (event) => {
      const pending = informed.apply(event)
      if (pending !== undefined) return pending.then(() => openings.apply(event))
      openings.apply(event)
      return undefined
    },
    reload: async () => {
      await informed.reload?.()
      openings.closeAll()
    },
  }
}

function nameOf({
  kind,
  resourceId,
  subject,
}: {
  readonly kind: string
  readonly resourceId: string
  readonly subject: string
}): string {
  return `${kind}/${resourceId}/${subject}`
}

function isCutOffBy(subject: HeldSubject, event: RevocationEvent): boolean {
  if (subject.kind === 'part') return false
  return nameOf(subject) === nameOf(event) && subject.carried < event.generation
}

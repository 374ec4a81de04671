/** The clients of a simulation: they issue, use and void, each at its own pace. */

import type { AccessKeySlot } from '@parley/protocol'
import type { LogEvent } from '@parley/server/events/model'
import { resourceId } from '../vectors/press.ts'
import type { Chance } from './chance.ts'
import type { Place } from './fleet.ts'
import type { History, Used } from './history.ts'
import type { Server } from './server.ts'
import type { Cause } from './statements.ts'
import type { Timeline } from './timeline.ts'
import { type Grant, idFor, tokenFor } from './tokens.ts'
import type { Trace } from './trace.ts'

/** What clients are made of. */
export interface ClientWorld {
  readonly timeline: Timeline
  readonly trace: Trace
  readonly chance: Chance
  readonly places: readonly Place[]
  readonly history: History
  /** When they begin, and when they end. */
  readonly fromMs: number
  readonly untilMs: number
  /** When each node is asked about everything once more. */
  readonly lastLookAtMs: number
}

interface Clients extends ClientWorld {
  readonly grants: Grant[]
  readonly keyGenerations: Record<AccessKeySlot, number[]>
  readonly identities: string[]
  identityCount: number
  tokenCount: number
}

const slots = ['primary', 'secondary'] as const
const limits = { identities: 4, grants: 10 }

/** Times after an answer at which every node is asked whether it knows. */
const looksAfterMs = [0, 3, 20, 60, 150, 300, 500, 700, 950]

/** Lets clients act. */
export function startClients(world: ClientWorld): void {
  const clients: Clients = {
    ...world,
    grants: [],
    keyGenerations: { primary: [1], secondary: [1] },
    identities: Array.from({ length: limits.identities }, (_, index) => idFor('identity', index)),
    identityCount: limits.identities,
    tokenCount: 0,
  }
  const { timeline, chance, fromMs, untilMs, lastLookAtMs, places } = clients
  const repeat = (leastMs: number, mostMs: number, act: () => void) => {
    const again = () => {
      if (timeline.now() >= untilMs) return
      act()
      timeline.after(chance.between(leastMs, mostMs), again)
    }
    timeline.after(fromMs, again)
  }
  const isLive = (grant: Grant) => world.history.isLive({ kind: 'token', grant })
  for (let number = 0; number < 5; number++) timeline.after(fromMs - 50, () => issue(clients))
  repeat(80, 300, () => issue(clients))
  repeat(10, 40, () => {
    const grant = chance.happens(0.8) ? chance.pick(clients.grants) : undefined
    const isChosen = grant !== undefined && (isLive(grant) || chance.happens(0.05))
    if (isChosen) use(clients, chance.pick(places), { kind: 'token', grant })
    else useKey(clients)
  })
  const voiderCount = 1 + chance.below(3)
  for (let voider = 0; voider < voiderCount; voider++) repeat(60, 600, () => voidOne(clients))
  timeline.after(lastLookAtMs, () => {
    for (const place of places) {
      for (const grant of clients.grants.slice(-5)) use(clients, place, { kind: 'token', grant })
    }
  })
}

/** Asks a server something, over a network of its own. */
function call<Answer>(
  clients: Clients,
  place: Place,
  act: (server: Server) => Promise<Answer>,
  done: (answer: Answer | undefined) => void,
): void {
  const { timeline, chance } = clients
  timeline.after(chance.between(0.05, 0.5), () => {
    const machine = place.machine()
    const server = place.server()
    if (server === undefined) return done(undefined)
    const reply = (answer: Answer | undefined) => {
      if (machine.isAlive()) timeline.after(chance.between(0.05, 0.5), () => done(answer))
    }
    machine.enter(() => void act(server).then(reply))
  })
}

function use(clients: Clients, place: Place, used: Used): void {
  const { timeline, history, trace } = clients
  const askedAtMs = timeline.now()
  let node = place.name
  const act = (server: Server) => {
    node = server.machine.name
    return used.kind === 'token'
      ? server.useToken(tokenFor(used.grant))
      : server.useKey(used.slot, used.generation)
  }
  call(clients, place, act, (said) => {
    const what =
      used.kind === 'token'
        ? `token ${Number.parseInt(used.grant.jti.slice(-4), 16)}`
        : `${used.slot} key ${used.generation}`
    trace.note('client', `${what}, asked ${askedAtMs.toFixed(3)}: ${place.name} says ${said}`)
    history.noteUse({ used, askedAtMs, said, node })
  })
}

function useKey(clients: Clients): void {
  const { chance, keyGenerations, places } = clients
  const slot = chance.pick(slots)
  const generation = chance.pick(keyGenerations[slot])
  // Which of two generations counts while one replaces the other is nobody's promise.
  if (generation !== keyGenerations[slot].at(-1)) {
    use(clients, chance.pick(places), { kind: 'key', slot, generation })
  }
}

function issue(clients: Clients): void {
  const { chance, places, grants, trace } = clients
  const [slot, identityId] = [chance.pick(slots), chance.pick(clients.identities)]
  clients.tokenCount += 1
  const number = clients.tokenCount
  const place = chance.pick(places)
  call(
    clients,
    place,
    (server) => server.issue({ identityId, slot, number }),
    (grant) => {
      trace.note('client', `${place.name} issues token ${grant === undefined ? 'none' : number}`)
      if (grant === undefined) return
      grants.push(grant)
      if (grants.length > limits.grants) grants.shift()
    },
  )
}

function causeOf(clients: Clients): Cause {
  const { chance, identities, grants } = clients
  const isNoticeWhole = !chance.happens(0.15)
  const whole = { isNoticeWhole, isForEver: true }
  const dice = chance.between(0, 1)
  if (dice < 0.2 && grants.length > 0) {
    return { ...whole, kind: 'token', subjects: [chance.pick(grants).jti] }
  }
  if (dice < 0.3) {
    return { ...whole, kind: 'access-key', subjects: [chance.pick(slots)], isForEver: false }
  }
  if (dice < 0.303) return { ...whole, kind: 'resource', subjects: [resourceId] }
  const index = chance.below(identities.length)
  const subject = identities[index] as string
  if (dice < 0.4) {
    identities[index] = idFor('identity', clients.identityCount++)
    return { ...whole, kind: 'identity', subjects: [subject] }
  }
  const subjects = chance.happens(0.15) ? [...identities] : [subject]
  return { kind: 'identity', subjects, isForEver: false, isNoticeWhole }
}

function voidOne(clients: Clients): void {
  const { chance, places, history, timeline, trace, keyGenerations } = clients
  const cause = causeOf(clients)
  const place = chance.pick(places)
  trace.note('client', `asks ${place.name} to void ${cause.kind} ${cause.subjects.length}`)
  const concerned = clients.grants.filter((grant) => isConcerned(cause, grant))
  call(
    clients,
    place,
    (server) => server.voidSubjects(cause),
    (voided) => {
      const seqs = voided?.events.map(({ seq }) => seq).join()
      trace.note('client', `${place.name} has voided: ${seqs ?? 'nothing'}`)
      if (voided === undefined) return
      history.noteVoided(voided, place.machine().name)
      for (const event of voided.events) {
        if (event.kind !== 'access-key') continue
        keyGenerations[event.subject as AccessKeySlot].push(event.generation)
      }
      for (const afterMs of looksAfterMs) {
        timeline.after(afterMs, () => look(clients, { concerned, last: voided.events.at(-1) }))
      }
    },
  )
}

function isConcerned({ kind, subjects }: Cause, grant: Grant): boolean {
  if (kind === 'identity') return subjects.includes(grant.identityId)
  if (kind === 'access-key') return subjects.includes(grant.slot)
  return kind === 'resource' || subjects.includes(grant.jti)
}

/**
 * Asks the nodes that would accept and do not know of an event, if there are any, and sometimes one
 * of the others: a signature costs as much as a hundred steps.
 */
function look(
  clients: Clients,
  voided: { readonly concerned: readonly Grant[]; readonly last: LogEvent | undefined },
): void {
  const { chance, places } = clients
  const { concerned, last } = voided
  if (concerned.length === 0 || last === undefined) return
  const chosen = chance.happens(0.05) ? chance.pick(places) : undefined
  for (const place of places) {
    const server = place.server()
    const isSuspect = server?.node.isCurrent() === true && !server.hasApplied(last)
    if (!isSuspect && place !== chosen) continue
    use(clients, place, { kind: 'token', grant: chance.pick(concerned) })
  }
  if (chance.happens(0.3)) useKey(clients)
}

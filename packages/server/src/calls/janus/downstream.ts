/**
 * What a leg receives of the others in a room that passes video on: one connection for all of them.
 *
 * Janus offers and the client answers. Each offer waits for its answer; who comes meanwhile is part
 * of the next one. Who leaves is taken out by Janus itself, with an offer of its own.
 */
import type { JanusEvent, JanusHandle, JanusReply } from './connection.ts'
import { withOwners } from './sdp.ts'
import type { Jsep } from './socket.ts'

/** What is received by a leg. */
export interface Downstream {
  /** Somebody sends from now on. */
  readonly add: (legIds: readonly string[]) => void
  /** Somebody sends no more. */
  readonly forget: (legId: string) => void
  /** Takes the answer of the client. */
  readonly answer: (jsep: Jsep) => Promise<void>
  readonly handle: () => JanusHandle | undefined
  readonly detach: () => Promise<unknown>
}

/** What is needed to receive. */
export interface DownstreamWorld {
  /** Makes a handle; `undefined` when Janus gives none. */
  readonly attach: (listener: (event: JanusEvent) => void) => Promise<JanusHandle | undefined>
  /** The room and the token, as the first request of a handle says them. */
  readonly place: Readonly<Record<string, unknown>>
  /** Gives the client an offer. */
  readonly offer: (sdp: string) => void
  /** Nothing is received any more. */
  readonly lost: () => void
}

interface Life extends DownstreamWorld {
  readonly wanted: Set<string>
  readonly asked: Set<string>
  handle: JanusHandle | undefined
  /** An offer is being made, or waits for its answer. */
  isBusy: boolean
  isOver: boolean
}

/** Creates it; nothing is asked of Janus before somebody sends. */
export function createDownstream(world: DownstreamWorld): Downstream {
  const life: Life = {
    ...world,
    ...{ wanted: new Set(), asked: new Set(), handle: undefined, isBusy: false, isOver: false },
  }
  return {
    add(legIds) {
      for (const legId of legIds) life.wanted.add(legId)
      void subscribe(life)
    },
    forget(legId) {
      life.wanted.delete(legId)
      life.asked.delete(legId)
    },
    async answer(jsep) {
      const started = await life.handle?.ask({ request: 'start' }, jsep)
      if (started?.ok === false) return lose(life)
      life.isBusy = false
      await subscribe(life)
    },
    handle: () => life.handle,
    async detach() {
      life.isOver = true
      return life.handle?.detach()
    },
  }
}

function lose(life: Life): void {
  if (life.isOver) return
  life.isOver = true
  life.lost()
}

async function subscribe(life: Life): Promise<void> {
  const next = [...life.wanted].filter((legId) => !life.asked.has(legId))
  if (life.isBusy || life.isOver || next.length === 0) return
  life.isBusy = true
  for (const legId of next) life.asked.add(legId)
  const feeds = next.map((feed) => ({ feed }))
  const isFirst = life.handle === undefined
  life.handle ??= await life.attach((event) => hear(life, event))
  const { handle } = life
  if (handle === undefined) return lose(life)
  // It was detached while its handle was being made.
  if (life.isOver) return void (await handle.detach())
  const request = isFirst
    ? { request: 'join', ptype: 'subscriber', ...life.place, streams: feeds }
    : { request: 'update', subscribe: feeds }
  const subscribed = await handle.ask(request)
  if (subscribed.ok && take(life, subscribed.value)) return
  life.isBusy = false
  if (subscribed.ok) return subscribe(life)
  // Somebody is gone again before they were heard; whoever is there comes with the next try.
  for (const legId of next) life.wanted.delete(legId)
  if (isFirst) {
    await handle.detach()
    life.handle = undefined
    if (life.wanted.size > 0) await subscribe(life)
  }
}

function hear(life: Life, event: JanusEvent): void {
  if (event.kind === 'plugin') take(life, event)
  else if (event.kind === 'hangup' || event.kind === 'gone') lose(life)
}

/** Gives an offer on; says whether there was one. */
function take(life: Life, { data, jsep }: JanusReply): boolean {
  if (life.isOver || jsep?.type !== 'offer') return false
  life.isBusy = true
  life.offer(withOwners(jsep.sdp, ownersOf(data['streams'])))
  return true
}

function ownersOf(streams: unknown): ReadonlyMap<string, string> {
  if (!Array.isArray(streams)) return new Map()
  return new Map(
    streams.flatMap(({ mid, feed_id, active }: StreamRow) =>
      feed_id === undefined || active === false ? [] : [[String(mid), String(feed_id)]],
    ),
  )
}

interface StreamRow {
  readonly mid?: unknown
  readonly feed_id?: unknown
  readonly active?: boolean
}

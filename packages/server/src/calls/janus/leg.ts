/**
 * One leg at a Janus: what it sends, and what it receives.
 *
 * The client offers what it sends, and is answered. In a call with sound alone that is all: the mix
 * of the others comes back on the same connection. In one with video another connection carries the
 * others, each by itself.
 *
 * Every offer of the client begins anew, and ends what was there: nothing is ever agreed on again
 * over a connection that stands, so after any loss there is one way to go on.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { type CallMedia, fail, ok, type Result, type SignalPayload } from '@parley/protocol'
import type { EngineFault, EngineLeg } from '../media-engine.ts'
import type { LegPermissions } from '../permissions.ts'
import type { Candidate, JanusEvent, JanusHandle, JanusReply } from './connection.ts'
import { createDownstream, type Downstream } from './downstream.ts'
import { opaqueIdFor, roomFor, tokenFor } from './names.ts'
import { isRefusedWith, type RoomPlugin, roomCodes } from './rooms.ts'
import { markedAsOf, midsOf, ufragOf } from './sdp.ts'
import type { JanusServer } from './server.ts'
import type { JanusFault, Jsep } from './socket.ts'

type Done = Promise<Result<undefined, EngineFault>>

/** A leg whose client is at this node. */
export interface JanusLeg {
  readonly name: EngineLeg
  readonly server: JanusServer
  /** Names its media until they are lost; the client begins anew when it is told another one. */
  readonly session: string
  readonly isLost: () => boolean
  readonly signal: (signal: SignalPayload) => Done
  readonly setPermissions: (permissions: LegPermissions) => Done
  /** Ends its media. */
  readonly detach: () => Promise<void>
}

/** How a leg is made. */
export interface JanusLegOptions {
  readonly name: EngineLeg
  readonly media: CallMedia
  readonly plugin: RoomPlugin
  readonly server: JanusServer
  readonly session: string
  readonly permissions: LegPermissions
  readonly connected: () => void
  readonly lost: () => void
  /** Tells the client. */
  readonly tell: (signal: SignalPayload) => void
}

/** Times that a leg tries to come into its room again, and how long what is leaving it may take. */
const entriesMax = 8
const leavingMs = 50

/** Candidates that may wait for the description that they belong to. */
const earlyMax = 64

interface Life extends JanusLegOptions {
  permissions: LegPermissions
  /** What this leg has begun; a later offer makes it another. */
  run: Run | undefined
  isLost: boolean
  early: NonNullable<Candidate>[]
}

/** What one offer of the client has begun. */
interface Run {
  readonly ufrag: string | undefined
  readonly mids: readonly string[]
  handle: JanusHandle | undefined
  downstream: Downstream | undefined
  /** Of the last answer of the client. */
  downUfrag: string | undefined
  isOver: boolean
}

/** Creates a leg; Janus is asked for nothing before its client offers. */
export function createJanusLeg(options: JanusLegOptions): JanusLeg {
  const life: Life = { ...options, run: undefined, isLost: false, early: [] }
  const { name, server, session } = options
  return {
    ...{ name, server, session },
    isLost: () => life.isLost,
    signal: async (signal) => {
      if ('candidate' in signal) return trickle(life, signal.candidate)
      const { type, sdp } = signal.sdp
      if (type === 'offer') return begin(life, sdp)
      if (type === 'answer') return answer(life, sdp)
      return fail({ kind: 'refused', detail: type })
    },
    async setPermissions(permissions) {
      life.permissions = permissions
      const mids = life.run?.mids ?? []
      const isSilent = !permissions.canSend
      if (life.run?.handle === undefined) return ok(undefined)
      const { plugin } = life
      return told(await server.rooms.moderate(plugin, name, { isSilent, mids }))
    },
    async detach() {
      life.isLost = true
      await endRun(life)
    },
  }
}

async function endRun(life: Life): Promise<void> {
  const { run } = life
  life.run = undefined
  life.early = []
  if (run === undefined) return
  run.isOver = true
  await Promise.all([run.handle?.detach(), run.downstream?.detach()])
}

function lose(life: Life, run: Run): void {
  if (run.isOver || life.isLost) return
  life.isLost = true
  void endRun(life)
  life.lost()
}

async function begin(life: Life, sdp: string): Done {
  if (life.isLost) return fail({ kind: 'refused', detail: 'the media were lost: join again' })
  await endRun(life)
  const run: Run = {
    ...{ ufrag: ufragOf(sdp), mids: midsOf(sdp), handle: undefined },
    ...{ downstream: undefined, downUfrag: undefined, isOver: false },
  }
  life.run = run
  const { connection, rooms } = life.server
  const { name, plugin } = life
  const attached = await connection.attach(plugin, opaqueIdFor(name), (event) =>
    hear(life, run, event),
  )
  if (!attached.ok) return told(attached)
  run.handle = attached.value
  const entered = await enter(life, attached.value, { type: 'offer', sdp })
  if (run.isOver) {
    // Its client began anew, or was sent out, while it was let in.
    await attached.value.detach()
    return ok(undefined)
  }
  if (!entered.ok) return told(entered)
  const { jsep, data } = entered.value
  if (jsep?.type !== 'answer') return fail({ kind: 'refused', detail: 'the offer is not answered' })
  const { canSend } = life.permissions
  // Before the client has the answer nothing can flow, so nothing slips through.
  const isSilent = !canSend && plugin === 'videoroom'
  const { mids } = run
  const moderated = isSilent
    ? await rooms.moderate(plugin, name, { isSilent, mids })
    : ok(undefined)
  if (!moderated.ok) return told(moderated)
  life.tell({ sdp: { type: 'answer', sdp: markedAsOf(jsep.sdp, run.ufrag) } })
  if (plugin === 'videoroom') receive(life, run, data)
  await flush(life)
  return ok(undefined)
}

type Entered = Result<JanusReply, JanusFault>

/** Brings a leg into its room, which is made if there is none. */
async function enter(life: Life, handle: JanusHandle, jsep: Jsep): Promise<Entered> {
  const { name, plugin, server } = life
  const { rooms, secrets } = server
  const place = { room: roomFor(name), id: name.legId, token: tokenFor(secrets.apiSecret, name) }
  const request =
    plugin === 'audiobridge'
      ? { request: 'join', ...place, muted: !life.permissions.canSend }
      : { request: 'joinandconfigure', ptype: 'publisher', ...place }
  const join = async (): Promise<Entered> => {
    const allowed = await rooms.allow(plugin, name)
    return allowed.ok ? handle.ask(request, jsep) : allowed
  }
  let entered = await join()
  for (let again = 0; again < entriesMax; again++) {
    if (isRefusedWith(entered, roomCodes.noSuchRoom, plugin)) {
      const made = await rooms.ensure(plugin, name)
      if (!made.ok) return made
    } else if (isRefusedWith(entered, roomCodes.idInUse, plugin)) {
      // What is left of this leg at another node, or of a connection that was lost. A handle that
      // is being detached leaves its room a moment later.
      if (again > 0) await pause(leavingMs)
      await rooms.kick(plugin, name)
    } else return entered
    entered = await join()
  }
  return entered
}

function hear(life: Life, run: Run, event: JanusEvent): void {
  if (run.isOver) return
  if (event.kind === 'up') life.connected()
  else if (event.kind === 'hangup' || event.kind === 'gone') lose(life, run)
  else if (event.kind === 'plugin') hearRoom(life, run, event.data)
}

/** What a room tells: somebody sends, or does not any more, or this leg was sent out. */
function hearRoom(life: Life, run: Run, data: JanusReply['data']): void {
  const { legId } = life.name
  const isOut = data['leaving'] === 'ok' || data['kicked'] === legId
  const isOver = data[life.plugin] === 'destroyed'
  if (isOut || isOver) {
    lose(life, run)
    return
  }
  const gone = data['leaving'] ?? data['unpublished']
  if (typeof gone === 'string') run.downstream?.forget(gone)
  run.downstream?.add(sendersIn(data))
}

function sendersIn({ publishers }: JanusReply['data']): readonly string[] {
  if (!Array.isArray(publishers)) return []
  return publishers.map(({ id }: { readonly id?: unknown }) => String(id))
}

function receive(life: Life, run: Run, joined: JanusReply['data']): void {
  const { name, plugin, server, tell } = life
  const { connection, secrets } = server
  run.downstream = createDownstream({
    async attach(listener) {
      const attached = await connection.attach(plugin, opaqueIdFor(name), listener)
      return attached.ok ? attached.value : undefined
    },
    place: {
      room: roomFor(name),
      private_id: joined['private_id'],
      token: tokenFor(secrets.apiSecret, name),
    },
    offer: (sdp) => tell({ sdp: { type: 'offer', sdp: markedAsOf(sdp, run.ufrag) } }),
    lost: () => lose(life, run),
  })
  run.downstream.add(sendersIn(joined))
}

async function answer(life: Life, sdp: string): Done {
  const { run } = life
  if (run?.downstream === undefined) return fail({ kind: 'refused', detail: 'nothing was offered' })
  run.downUfrag = ufragOf(sdp)
  await run.downstream.answer({ type: 'answer', sdp })
  await flush(life)
  return ok(undefined)
}

/** A candidate says by its fragment to which of the connections it belongs. */
async function trickle(life: Life, candidate: Candidate): Done {
  // Browsers tell the end of candidates in a description or not at all; Janus waits for none.
  if (candidate === null) return ok(undefined)
  const { run } = life
  const { usernameFragment: ufrag = run?.ufrag } = candidate
  const isDown = run?.downUfrag !== undefined && ufrag === run.downUfrag
  const handle = isDown ? run?.downstream?.handle() : run?.handle
  const isKnown = isDown || ufrag === run?.ufrag || ufrag === null
  if (handle !== undefined && isKnown) return told(await handle.trickle(candidate))
  if (life.early.length < earlyMax) life.early.push(candidate)
  return ok(undefined)
}

async function flush(life: Life): Promise<void> {
  for (const candidate of life.early.splice(0)) await trickle(life, candidate)
}

function told(result: Result<unknown, JanusFault>): Result<undefined, EngineFault> {
  if (result.ok) return ok(undefined)
  return fail({ kind: result.fault.kind, detail: result.fault.detail })
}

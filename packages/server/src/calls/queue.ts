/** The requests of one client, one after the other. */
import type { CallAnswer, CallErrorCode } from '@parley/protocol'
import { answerRequest, type RequestFrame } from './requests.ts'
import { type CallSession, sendAnswer } from './session.ts'
import type { CallWorld } from './steps.ts'

/** What is worked on: a frame, or something that answers by itself. */
export type Act = RequestFrame | (() => Promise<void>)

/** A request and what follows it. */
export interface QueuedRequest {
  readonly re: CallAnswer['re']
  readonly act: Act
  /** Something was done for a client that was ended meanwhile: it is to be ended again. */
  readonly onLate: () => void
  /** Nothing is under way any more. */
  readonly onIdle: () => void
}

/** Works on a request after those before it, and answers it. */
export function queueRequest(
  world: CallWorld & { readonly whenCurrent: () => Promise<boolean> },
  session: CallSession,
  { re, act, onLate, onIdle }: QueuedRequest,
): void {
  session.requestCount += 1
  const about = re === undefined ? {} : { re }
  const refuse = (code: CallErrorCode, detail?: string) =>
    sendAnswer(session, {
      ...about,
      ...{ type: 'error', code },
      ...(detail === undefined ? {} : { detail }),
    })
  const run = async () => {
    if (session.isOver) return
    try {
      if (typeof act === 'function') return await act()
      if (!(await world.whenCurrent())) return refuse('Unavailable')
      if (session.isOver) return
      const done = await answerRequest(world, session, act)
      if (done.ok) sendAnswer(session, { ...about, ...done.value })
      else refuse(done.fault.code, done.fault.detail)
      if (session.isOver && done.ok) onLate()
    } catch (error) {
      world.log.error({ err: error }, 'a request of a client of calls failed')
      refuse('Unavailable')
    }
  }
  session.work = session.work.then(run).finally(() => {
    session.requestCount -= 1
    if (session.requestCount === 0) onIdle()
  })
}

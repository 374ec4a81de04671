/**
 * Long polls, for clients whose way lets no WebSocket through: a GET waits for frames, a POST
 * brings some. Each carries the token, so a poll that another node gets, or one after a restart,
 * opens its session anew there; the client says that it need not be greeted again.
 */
import { fail, ok, type Result } from '@parley/protocol'
import type { Fault } from '../../contract/faults.ts'
import { serverLimits } from '../../contract/limits.ts'
import type { Admitted } from './admission.ts'
import { frames, parsePayload, printPayload } from './frames.ts'
import type { Entered, Hub } from './hub.ts'
import type { Transport } from './session.ts'

/** The long polls of a node. */
export interface Polling {
  /** Waits for frames; answers with none after a while. */
  readonly poll: (
    admitted: Admitted,
    asked: { readonly isGreeted: boolean },
  ) => Promise<Result<string, Fault>>
  /** Takes the frames of a client. */
  readonly post: (admitted: Admitted, body: string) => Result<undefined, Fault>
}

interface Line {
  readonly rawId: string
  readonly entered: Entered
  frames: string[]
  bytes: number
  isOver: boolean
  /** Answers the poll that waits. */
  answer: (() => void) | undefined
}

const sessionOver: Fault = { kind: 'caller-refused', reason: 'access-token-void' }

/** Creates the long polls of a hub. */
export function createPolling(hub: Pick<Hub, 'enter' | 'hasRoom'>): Polling {
  const lines = new Map<string, Line>()

  const open = (admitted: Admitted, isGreeted: boolean): Line => {
    const { sessionId, rawId } = admitted
    let line: Line | undefined
    const early: string[] = []
    const transport: Transport = {
      send(frame) {
        if (line === undefined) early.push(frame)
        else push(line, frame)
      },
      pendingBytes: () => line?.bytes ?? 0,
      close() {
        lines.delete(sessionId)
        if (line === undefined) return
        line.isOver = true
        line.answer?.()
      },
    }
    const entered = hub.enter({ ...admitted, transport, isGreeted })
    line = { rawId, entered, frames: [], bytes: 0, isOver: false, answer: undefined }
    for (const frame of early) push(line, frame)
    lines.set(sessionId, line)
    return line
  }

  const lineOf = ({ sessionId, rawId }: Admitted) => {
    const line = lines.get(sessionId)
    return line?.rawId === rawId ? line : undefined
  }

  return {
    async poll(admitted, { isGreeted }) {
      const known = lineOf(admitted)
      if (known === undefined && lines.has(admitted.sessionId)) return fail(sessionOver)
      if (known === undefined && !hub.hasRoom(admitted)) return fail({ kind: 'server-busy' })
      const line = known ?? open(admitted, isGreeted)
      line.entered.touch()
      line.answer?.()
      if (line.frames.length === 0 && !line.isOver) await untilAnswered(line)
      if (line.isOver) return fail(sessionOver)
      const body = line.frames.length === 0 ? frames.noop : printPayload(line.frames)
      line.frames = []
      line.bytes = 0
      return ok(body)
    },
    post(admitted, body) {
      const line = lineOf(admitted)
      const sent = parsePayload(body)
      if (line === undefined) return fail({ kind: 'path-unknown' })
      if (sent === undefined) return fail({ kind: 'request-malformed' })
      for (const frame of sent) line.entered.receive(frame)
      return ok(undefined)
    },
  }
}

function push(line: Line, frame: string): void {
  line.frames.push(frame)
  line.bytes += frame.length
  line.answer?.()
}

function untilAnswered(line: Line): Promise<void> {
  return new Promise((resolve) => {
    const settle = () => {
      clearTimeout(timer)
      if (line.answer === settle) line.answer = undefined
      resolve()
    }
    const timer = setTimeout(settle, serverLimits.chatPollMs)
    line.answer = settle
  })
}

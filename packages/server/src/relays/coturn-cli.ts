/**
 * The command line of a coturn, over the port of its own that it has for that. It takes one line at
 * a time and answers up to its prompt; what is sent before the prompt is lost.
 */
import { connect, type Socket } from 'node:net'
import { fail, ok, type Result } from '@parley/protocol'
import type { HostAndPort } from '../foundation/turn-place.ts'
import { isAtPrompt, parseSessions, passwordAsks, type SessionList } from './coturn-text.ts'

/** Why nothing was learnt from a command line. */
export interface CommandLineFault {
  readonly kind: 'unreachable' | 'password-refused' | 'not-understood'
  readonly detail: string
}

/** An open command line. */
export interface CommandLine {
  /** Lists the sessions of a user; absent: of all. */
  readonly list: (user?: string) => Promise<Result<SessionList, CommandLineFault>>
  /** Ends a session; it is gone a moment after the answer. */
  readonly end: (sessionId: string) => Promise<Result<undefined, CommandLineFault>>
  readonly close: () => void
}

const limits = {
  /** Time for which coturn may be silent, in milliseconds. */
  silentMs: 3000,
  /** Characters of one answer: some 500 a session. */
  answerCharactersMax: 100_000_000,
  /** How many sessions it is to show. */
  shownSessionsMax: 200_000,
}

/** Opens the command line of a coturn. */
export async function openCommandLine(
  place: HostAndPort,
  password: string,
): Promise<Result<CommandLine, CommandLineFault>> {
  const socket = connect(place)
  const close = () => socket.destroy()
  const wire = createWire(socket)
  const greeting = await wire((text) => isAtPrompt(text) || passwordAsks(text) > 0)
  const isAsked = greeting.ok && passwordAsks(greeting.value) > 0
  const isIn = (text: string) => isAtPrompt(text) || passwordAsks(text) > 0
  const entered = isAsked ? await wire(isIn, password) : greeting
  if (!entered.ok || passwordAsks(entered.value) > 0) {
    close()
    return entered.ok ? fail({ kind: 'password-refused', detail: 'it asks again' }) : entered
  }
  const ask = (command: string) => wire(isAtPrompt, command)
  return ok({
    async list(user) {
      const command = user === undefined ? 'ps' : `ps ${user}`
      const listed = listIn(await ask(command))
      if (!listed.ok || !listed.value.isCut) return listed
      // It shows 256 unless it is told otherwise, by its file or here.
      const raised = await ask(`cc cli-max-output-sessions ${limits.shownSessionsMax}`)
      return raised.ok ? listIn(await ask(command)) : raised
    },
    async end(sessionId) {
      const ended = await ask(`cs ${sessionId}`)
      return ended.ok ? ok(undefined) : ended
    },
    close,
  })
}

function listIn(said: Result<string, CommandLineFault>): Result<SessionList, CommandLineFault> {
  if (!said.ok) return said
  const list = parseSessions(said.value)
  // Neither names nor addresses of people are to stand in a log.
  const detail = `${said.value.length} characters`
  return list === undefined ? fail({ kind: 'not-understood', detail }) : ok(list)
}

type Wire = (
  isAll: (text: string) => boolean,
  line?: string,
) => Promise<Result<string, CommandLineFault>>

/** Sends a line and gives what is said after it. */
function createWire(socket: Socket): Wire {
  let said = ''
  let problem: string | undefined
  let look: () => void = () => undefined
  const end = (detail: string) => {
    problem ??= detail
    look()
  }
  socket.setEncoding('latin1')
  socket.setTimeout(limits.silentMs, () => socket.destroy(new Error('no answer')))
  socket.on('data', (text: string) => {
    said += text
    if (said.length > limits.answerCharactersMax) socket.destroy(new Error('too long an answer'))
    look()
  })
  socket.on('error', (error) => end(error.message))
  socket.on('close', () => end('closed'))
  return (isAll, line) =>
    new Promise((resolve) => {
      look = () => {
        if (!isAll(said) && problem === undefined) return
        look = () => undefined
        if (isAll(said)) resolve(ok(said))
        else resolve(fail({ kind: 'unreachable', detail: problem ?? '' }))
      }
      if (line !== undefined) {
        said = ''
        socket.write(`${line}\r\n`)
      }
      look()
    })
}

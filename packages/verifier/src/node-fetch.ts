/**
 * Fetching for a process that follows much, in Node: the `fetch` of `followRevocations`.
 *
 * A process that guards the tokens of hundreds of resources has as many streams open, and what each
 * message costs it is mostly the way through `fetch`: two streams, one within the other, with a
 * promise for each step. This one hands the pieces over as `node:http` gives them. For a follower
 * or two there is no need of it.
 */
import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from 'node:http'
import { Agent as HttpsAgent, request as requestHttps } from 'node:https'
import type { FollowAnswer, FollowBody, FollowFetch, FollowReader } from './follow-fetch.ts'

const http = { request: requestHttp, agent: new HttpAgent({ keepAlive: true }) }
const https = { request: requestHttps, agent: new HttpsAgent({ keepAlive: true }) }

/** Does what following needs of `fetch`, by `node:http` and `node:https`. */
export const nodeFetch: FollowFetch = (url, { method, headers, signal }) => {
  const { request, agent } = url.startsWith('https:') ? https : http
  return new Promise((resolve, reject) => {
    const asked = request(url, { method, headers, signal, agent })
    asked.on('error', reject)
    asked.once('response', (answer) => resolve(answerOf(answer)))
    asked.end()
  })
}

function answerOf(message: IncomingMessage): FollowAnswer {
  const reader = readerOf(message)
  const body: FollowBody = { getReader: () => reader, cancel: reader.cancel }
  return { status: message.statusCode ?? 0, body, text: () => textOf(reader) }
}

interface Waiting {
  readonly resolve: (piece: Piece) => void
  readonly reject: (error: Error) => void
}

type Piece = Awaited<ReturnType<FollowReader['read']>>

/** Hands over what comes; what nobody has asked for waits, and the sender with it. */
function readerOf(message: IncomingMessage): FollowReader {
  const pieces: Uint8Array[] = []
  let waiting: Waiting | undefined
  let end: Error | 'ended' | undefined
  const settle = (finish: (one: Waiting) => void) => {
    const one = waiting
    waiting = undefined
    if (one !== undefined) finish(one)
  }
  message.on('data', (value: Uint8Array) => {
    if (waiting !== undefined) return settle((one) => one.resolve({ done: false, value }))
    pieces.push(value)
    message.pause()
  })
  const finish = (how: Error | 'ended') => {
    end ??= how
    settle((one) => (end === 'ended' ? one.resolve({ done: true }) : one.reject(end as Error)))
  }
  message.on('end', () => finish('ended'))
  message.on('error', (error) => finish(error))
  message.on('close', () => finish(new Error('the connection was closed')))
  return {
    read() {
      const value = pieces.shift()
      if (value !== undefined) return Promise.resolve({ done: false, value })
      if (end === 'ended') return Promise.resolve({ done: true })
      if (end !== undefined) return Promise.reject(end)
      if (message.isPaused()) message.resume()
      return new Promise((resolve, reject) => {
        waiting = { resolve, reject }
      })
    },
    async cancel() {
      message.destroy()
    },
  }
}

async function textOf(reader: FollowReader): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return text + decoder.decode()
    text += decoder.decode(value, { stream: true })
  }
}

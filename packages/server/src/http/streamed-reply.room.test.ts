import assert from 'node:assert/strict'
import { createServer, get, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, describe, test } from 'node:test'
import { serverLimits } from '../contract/limits.ts'
import { EndlessReply, type ReplyStream, StreamedReply } from '../contract/streamed-reply.ts'
import { headersOf, writeStreamedReply } from './streamed-reply.ts'

const head = { status: 200, headers: Object.entries(headersOf(undefined)).flat() }
const printed = { ...head, text: undefined, isAscii: true }
const server = createServer()
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
after(() => server.close().closeAllConnections())

/** A stream that was begun, both its ends, and when it was over. */
async function begin(Reply = StreamedReply) {
  let [settleOver, settleBegun] = [() => {}, (_: ReplyStream) => {}]
  const over = new Promise<void>((resolve) => {
    settleOver = resolve
  })
  const begun = new Promise<ReplyStream>((resolve) => {
    settleBegun = resolve
  })
  const reply = new Reply((stream) => {
    settleBegun(stream)
    return settleOver
  })
  server.once('request', (_request, response) => writeStreamedReply(response, printed, reply))
  const { port } = server.address() as AddressInfo
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    get({ host: '127.0.0.1', port, agent: false }, resolve).on('error', reject)
  })
  return { stream: await begun, answer, over }
}

describe('a streamed reply', () => {
  test('is there before anything was written, and may not be kept', async () => {
    const { answer, stream } = await begin()
    assert.equal(answer.headers['content-type'], 'text/event-stream')
    assert.equal(answer.headers['cache-control'], 'no-store')
    stream.end()
    answer.resume()
  })

  test('brings what is written, until its end', async () => {
    const { answer, stream, over } = await begin()
    stream.write('a: ä\n')
    stream.write('b\n')
    stream.end()
    stream.write('c\n')
    let text = ''
    for await (const chunk of answer.setEncoding('utf8')) text += chunk
    assert.equal(text, 'a: ä\nb\n')
    await over
  })

  test('is whole only with its last chunk', async () => {
    const { answer, stream } = await begin()
    assert.equal(answer.headers['transfer-encoding'], 'chunked')
    stream.write('a')
    stream.abort()
    await assert.rejects(answer.toArray())
  })

  test('that is endless is not cut into chunks, and ends with its connection', async () => {
    const { answer, stream, over } = await begin(EndlessReply)
    const { connection, 'transfer-encoding': encoding } = answer.headers
    assert.deepEqual([connection, encoding], ['close', undefined])
    stream.write('a: ä\n')
    stream.write(Buffer.from('b\n'))
    stream.end()
    assert.equal((await answer.setEncoding('utf8').toArray()).join(''), 'a: ä\nb\n')
    await over
  })

  test('is over when its client goes', async () => {
    const { answer, over } = await begin()
    answer.destroy()
    await over
  })

  test('is cut off when its client lets too much wait', async () => {
    const { answer, stream, over } = await begin()
    answer.pause()
    const piece = 'x'.repeat(64 * 1024)
    let isOver = false
    void over.then(() => {
      isOver = true
    })
    let bytes = 0
    while (!isOver) {
      stream.write(piece)
      bytes += piece.length
      await new Promise(setImmediate)
    }
    // The kernel takes some megabytes before anything waits here.
    assert.ok(bytes > serverLimits.streamBufferBytesMax && bytes < 64 * 1024 * 1024, `${bytes}`)
  })
})

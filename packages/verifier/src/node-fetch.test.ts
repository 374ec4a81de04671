import assert from 'node:assert/strict'
import { createServer, type RequestListener, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { nodeFetch } from './node-fetch.ts'

/** A server of one answer, and how to ask it. */
async function ask(context: TestContext, answer: RequestListener) {
  const server = createServer(answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  context.after(() => server.close().closeAllConnections())
  const { port } = server.address() as AddressInfo
  const ending = new AbortController()
  const rest = { redirect: 'error', credentials: 'omit', cache: 'no-store' } as const
  const how = { method: 'POST', headers: { 'x-a': 'b' }, signal: ending.signal, ...rest }
  return { ending, answer: await nodeFetch(`http://127.0.0.1:${port}/c?d=e`, how) }
}

/** A stream whose sender the test is. */
async function stream(context: TestContext) {
  let sender: ServerResponse | undefined
  const asked = await ask(context, (_request, response) => {
    sender = response.writeHead(200)
    response.flushHeaders()
  })
  const reader = asked.answer.body?.getReader()
  assert.ok(sender && reader)
  const read = async () => {
    const { done, value } = await reader.read()
    return done ? undefined : Buffer.from(value ?? '').toString()
  }
  return { ...asked, sender, reader, read }
}

describe('fetching by node:http', () => {
  test('sends method, path and headers, and gives status and text', async (t) => {
    const { answer } = await ask(t, ({ method, url, headers }, response) => {
      response.writeHead(201).end(`${method} ${url} ${headers['x-a']} ä`)
    })
    assert.deepEqual([answer.status, await answer.text()], [201, 'POST /c?d=e b ä'])
  })

  test('does not go where a redirection leads', async (t) => {
    const { answer } = await ask(t, (_request, response) => {
      response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end()
    })
    assert.equal(answer.status, 302)
  })

  test('hands over what comes as it comes, and then the end', async (t) => {
    const { sender, read } = await stream(t)
    for (const piece of ['a', 'b']) {
      const reading = read()
      sender.write(piece)
      assert.equal(await reading, piece)
    }
    sender.end()
    assert.deepEqual([await read(), await read()], [undefined, undefined])
  })

  test('keeps what nobody has asked for yet, in its order', async (t) => {
    const { sender, read } = await stream(t)
    const whole = Array.from({ length: 300_000 }, (_, index) => `${index},`).join('')
    sender.end(whole)
    let text = ''
    for (let piece = await read(); piece !== undefined; piece = await read()) {
      text += piece
      await new Promise(setImmediate)
    }
    assert.equal(text, whole)
  })

  test('fails where the connection breaks, and goes on failing', async (t) => {
    const { sender, read } = await stream(t)
    const reading = read()
    sender.destroy()
    await assert.rejects(reading)
    await assert.rejects(read())
  })

  test('fails when its signal ends it', async (t) => {
    const { ending, read } = await stream(t)
    const reading = read()
    ending.abort()
    await assert.rejects(reading)
  })

  test('fails where nobody listens', async () => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    await new Promise((resolve) => server.close(resolve))
    const rest = { redirect: 'error', credentials: 'omit', cache: 'no-store' } as const
    const how = { method: 'GET', headers: {}, signal: AbortSignal.timeout(5000), ...rest }
    await assert.rejects(nodeFetch(`http://127.0.0.1:${port}/`, how), { code: 'ECONNREFUSED' })
  })

  test('lets the connection go when nobody reads on', async (t) => {
    const { sender, reader } = await stream(t)
    const gone = new Promise((resolve) => sender.once('close', resolve))
    await reader.cancel()
    await gone
  })
})

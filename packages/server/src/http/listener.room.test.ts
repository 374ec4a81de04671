import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, test } from 'node:test'
import { bindListener } from './listener.ts'

const request = 'GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n'

async function boundListener() {
  const bound = await bindListener({ host: '127.0.0.1', port: 0 })
  assert.ok(bound.ok)
  return bound.value
}

describe('a listener that is closed', () => {
  test('still answers whoever arrives at that moment', async () => {
    const listener = await boundListener()
    const closed = listener.close(5000)
    const socket = connect(listener.port, '127.0.0.1')
    await once(socket, 'connect')
    socket.write(request)
    const [chunk] = await once(socket, 'data')
    assert.match(String(chunk), /^HTTP\/1\.1 503 /)
    await closed
  })

  test('cuts a connection on which no request comes', async () => {
    const listener = await boundListener()
    const socket = connect(listener.port, '127.0.0.1')
    await once(socket, 'connect')
    const cut = once(socket, 'close')
    await listener.close(60_000)
    await cut
  })

  test('accepts nobody afterwards', async () => {
    const listener = await boundListener()
    await listener.close(5000)
    const socket = connect(listener.port, '127.0.0.1')
    await assert.rejects(once(socket, 'connect'), { code: 'ECONNREFUSED' })
  })
})

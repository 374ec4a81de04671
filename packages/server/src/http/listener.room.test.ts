import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { describe, test } from 'node:test'
import { bindAcceptor } from './acceptor.ts'
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

describe('a listener that is handed its connections', () => {
  async function handedListener() {
    const handed = await bindListener({ host: '127.0.0.1', port: 0, isHanded: true })
    assert.ok(handed.ok)
    const listener = handed.value
    const accepting = await bindAcceptor({
      ...{ host: '127.0.0.1', port: 0 },
      onConnection: (socket: Socket) => {
        socket.resume()
        listener.take(socket)
      },
    })
    assert.ok(accepting.ok)
    return { listener, acceptor: accepting.value }
  }

  test('serves them, also those that end their half before the reply', async () => {
    const { listener, acceptor } = await handedListener()
    const socket = connect(acceptor.port, '127.0.0.1')
    socket.end(request)
    const [chunk] = await once(socket, 'data')
    assert.match(String(chunk), /^HTTP\/1\.1 503 /)
    await acceptor.close()
    await listener.close(5000)
  })

  test('cuts those on which no request comes when it is closed, and waits for none', async () => {
    const { listener, acceptor } = await handedListener()
    const socket = connect(acceptor.port, '127.0.0.1')
    await once(socket, 'connect')
    const cut = once(socket, 'close')
    await listener.close(60_000)
    await cut
    await acceptor.close()
  })

  test('keeps waiting for one that is busy, for as long as it may', async () => {
    const { listener, acceptor } = await handedListener()
    const socket = connect(acceptor.port, '127.0.0.1')
    socket.write(request.slice(0, 20))
    const arrived = new Promise((resolve) => listener.server.once('connection', resolve))
    await once(socket, 'connect')
    await arrived
    const cut = once(socket, 'close')
    await listener.close(200)
    await cut
    await acceptor.close()
    const refused = connect(acceptor.port, '127.0.0.1')
    await assert.rejects(once(refused, 'connect'), { code: 'ECONNREFUSED' })
  })
})

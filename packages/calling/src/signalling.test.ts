/**
 * The connection by itself: sockets and timers here are what a test says they are. That the other
 * end agrees is shown by tests/browsers/calling.test.ts.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { CallEvent } from '@parley/protocol'
import type { CallingError } from './errors.ts'
import { browserPlatform, type Platform, type SocketLike } from './platform.ts'
import { Signalling } from './signalling.ts'

const noonMs = 1_700_000_000_000

/** A socket whose server is the test. */
class TestSocket implements SocketLike {
  onopen: ((event: Event) => void) | null = null
  onmessage: ((event: MessageEvent) => void) | null = null
  onclose: ((event: CloseEvent) => void) | null = null
  readonly sent: Record<string, unknown>[] = []
  readonly url: string
  closedWith: number | undefined
  constructor(url: string) {
    this.url = url
  }
  send(text: string): void {
    this.sent.push(JSON.parse(text) as Record<string, unknown>)
  }
  close(code?: number): void {
    this.closedWith = code
  }
  open(): void {
    this.onopen?.(new Event('open'))
  }
  say(frame: object): void {
    this.onmessage?.(new MessageEvent('message', { data: JSON.stringify(frame) }))
  }
  lose(code: number): void {
    this.onclose?.({ code } as CloseEvent)
  }
}

const readyFrame = (more: object = {}) => ({
  type: 'ready',
  re: 0,
  deviceId: 'd',
  identity: '8:acs:a',
  scopes: ['voip'],
  expiresAt: new Date(noonMs + 3_600_000).toISOString(),
  resume: 'secret-1',
  isResumed: false,
  calls: [],
  pingEveryMs: 15_000,
  ...more,
})

/** A signalling connection in a world that stands still until a test moves it. */
function arrange(getToken: () => Promise<{ token: string }> = async () => ({ token: 'first' })) {
  const sockets: TestSocket[] = []
  const timers = new Set<{ readonly ms: number; readonly act: () => void }>()
  const told: unknown[] = []
  const platform: Platform = {
    ...browserPlatform,
    now: () => noonMs,
    random: () => 0,
    after: (ms, act) => {
      const timer = { ms, act }
      timers.add(timer)
      return () => timers.delete(timer)
    },
    openSocket: (url) => {
      const socket = new TestSocket(url)
      sockets.push(socket)
      return socket
    },
    onOnline: () => () => undefined,
  }
  const signalling = new Signalling({
    endpoint: 'https://calls.example/',
    platform,
    credential: { getToken },
    listener: {
      ready: ({ isResumed }) => void told.push(isResumed ? 'resumed' : 'ready'),
      event: (event: CallEvent) => void told.push(event),
      lost: () => void told.push('lost'),
      ended: (reason) => void told.push(reason),
    },
  })
  const fire = async (ms: number) => {
    const timer = [...timers].find((one) => one.ms === ms)
    assert.ok(timer, `no timer of ${ms} ms: ${[...timers].map((one) => one.ms)}`)
    timers.delete(timer)
    timer.act()
    await settled()
  }
  const latest = () => sockets.at(-1) as TestSocket
  const connect = async (more: object = {}) => {
    latest().open()
    latest().say(readyFrame(more))
    await settled()
  }
  return { signalling, sockets, timers, told, fire, latest, connect }
}

/** Lets what waits for promises go on. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve()
}

const ended = { type: 'call.ended', callId: 'c', reason: 'left' }

describe('a connection to the service', () => {
  test('says who comes in its first frame, never in its address', async () => {
    const { signalling, latest, connect, told } = arrange()
    await signalling.open()
    await connect()
    assert.equal(latest().url, 'wss://calls.example/calling/ws')
    assert.deepEqual(latest().sent, [{ type: 'auth', token: 'first', id: 0 }])
    assert.deepEqual(told, ['ready'])
  })

  test('gives each who asks the answer that is theirs', async () => {
    const { signalling, latest, connect } = arrange()
    await signalling.open()
    await connect()
    const joined = signalling.ask({ type: 'call.join', callId: 'c' })
    const refused = signalling.ask({ type: 'call.leave', callId: 'x' })
    latest().say({ type: 'error', re: 2, code: 'CallNotFound' })
    latest().say({ type: 'done', re: 1 })
    assert.equal((await joined).type, 'done')
    await assert.rejects(refused, (error: CallingError) => {
      return error.code === 'refused' && error.serviceCode === 'CallNotFound'
    })
  })

  test('comes again by itself, names the former socket and what it has heard', async () => {
    const { signalling, latest, connect, told, fire, sockets } = arrange()
    await signalling.open()
    await connect()
    latest().say({ ...ended, seq: 7 })
    latest().lose(1006)
    signalling.tell({ type: 'mute', callId: 'c', isMuted: true })
    await fire(125)
    assert.equal(sockets.length, 2)
    latest().open()
    assert.deepEqual(latest().sent, [
      { type: 'auth', token: 'first', resume: 'secret-1', heard: 7, id: 0 },
    ])
    latest().say(readyFrame({ isResumed: true, resume: 'secret-2' }))
    latest().say({ ...ended, seq: 7 })
    assert.deepEqual(told, ['ready', { ...ended, seq: 7 }, 'lost', 'resumed'])
    assert.deepEqual(latest().sent.at(-1), { type: 'mute', callId: 'c', isMuted: true })
  })

  test('sends nothing of the past to a service that has forgotten it', async () => {
    const { signalling, latest, connect, fire } = arrange()
    await signalling.open()
    await connect()
    latest().lose(1006)
    signalling.tell({ type: 'mute', callId: 'c', isMuted: true })
    await fire(125)
    await connect()
    assert.equal(latest().sent.length, 1)
  })

  for (const [code, reason] of [
    [4401, 'tokenRevoked'],
    [4403, 'scopeForbidden'],
    [4408, 'tokenExpired'],
  ] as const) {
    test(`is over for good at ${code}`, async () => {
      const { signalling, latest, connect, told, timers } = arrange()
      await signalling.open()
      await connect()
      const asked = assert.rejects(signalling.ask({ type: 'ping' }))
      latest().lose(code)
      await asked
      assert.deepEqual(told, ['ready', reason])
      assert.equal(timers.size, 0)
    })
  }

  test('puts a renewed token in the place of the first, on the same socket', async () => {
    const tokens = ['first', 'second']
    const { signalling, latest, connect, fire, sockets, told } = arrange(async () => ({
      token: tokens.shift() ?? '',
    }))
    await signalling.open()
    await connect()
    await fire(3_000_000)
    const renewal = latest().sent.at(-1)
    assert.deepEqual(renewal, { type: 'auth', token: 'second', id: 1 })
    latest().say(readyFrame({ re: 1 }))
    assert.deepEqual([sockets.length, told], [1, ['ready']])
  })

  test('asks for a token again when the app had none', async () => {
    const tokens = ['first']
    const { signalling, latest, connect, fire } = arrange(async () => {
      const token = tokens.shift()
      if (token === undefined) throw new Error('offline')
      return { token }
    })
    await signalling.open()
    await connect()
    await fire(3_000_000)
    tokens.push('second')
    await fire(3_000_000)
    assert.deepEqual(latest().sent.at(-1), { type: 'auth', token: 'second', id: 1 })
  })

  test('takes a socket for lost on which nothing comes after a ping', async () => {
    const { signalling, latest, connect, fire, told } = arrange()
    await signalling.open()
    await connect()
    await fire(15_000)
    assert.deepEqual(latest().sent.at(-1), { type: 'ping' })
    await fire(15_000)
    await fire(30_000)
    assert.deepEqual(told, ['ready', 'lost'])
    assert.equal(latest().closedWith, 1000)
  })

  test('keeps a socket on which a ping is answered, however late its timers run', async () => {
    const { signalling, latest, connect, fire, timers } = arrange()
    await signalling.open()
    await connect()
    await fire(15_000)
    latest().say({ type: 'pong' })
    assert.deepEqual([...timers].map(({ ms }) => ms).sort(), [15_000, 3_000_000])
  })

  test('takes a server for lost that opens a socket and says nothing', async () => {
    const { signalling, sockets, latest, fire } = arrange()
    await signalling.open()
    latest().open()
    await fire(10_000)
    await fire(125)
    assert.equal(sockets.length, 2)
  })

  test('is over when there is no token to begin with', async () => {
    const { signalling, told, sockets } = arrange(async () => {
      throw new Error('signed out')
    })
    await signalling.open()
    assert.deepEqual([told, sockets.length], [['noToken'], 0])
  })
})

/**
 * What a link to a server does in which order. That media flow over it is shown by
 * tests/calls/group-calls.test.ts.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { browserPlatform } from './platform.ts'
import { ServerLink, type ServerLinkTerms } from './server-link.ts'
import type { Speaker } from './speaker.ts'

interface TestPeer {
  readonly acts: string[]
  connectionState: string
  onconnectionstatechange: (() => void) | null
}

/** A link over connections that write down what they are told. */
function arrange() {
  const peers: TestPeer[] = []
  const signals: { readonly sdp?: { readonly type: string } }[] = []
  const timers: { act: () => void; ms: number; isOver: boolean }[] = []
  let lostCount = 0
  const createPeer = () => {
    const acts: string[] = []
    const ufrag = `u${peers.length}`
    const own = () => ({ sdp: `a=ice-ufrag:${ufrag}\r\n` })
    const peer = {
      ...{ acts, connectionState: 'new', onconnectionstatechange: null },
      addTransceiver: (kind: string, { direction }: { readonly direction: string }) =>
        void acts.push(`${kind} ${direction}`),
      getTransceivers: () => [{ mid: '0', receiver: { track: { kind: 'audio', of: ufrag } } }],
      get localDescription() {
        const type = acts.some((act) => act.startsWith('remote offer')) ? 'answer' : 'offer'
        return { ...own(), toJSON: () => ({ ...own(), type }) }
      },
      setLocalDescription: async () => void acts.push('local'),
      setRemoteDescription: async ({ type }: { readonly type: string }) =>
        void acts.push(`remote ${type}`),
      close: () => void acts.push('close'),
    }
    peers.push(peer as TestPeer)
    return peer as unknown as RTCPeerConnection
  }
  const after = (ms: number, act: () => void) => {
    const timer = { act, ms, isOver: false }
    timers.push(timer)
    return () => {
      timer.isOver = true
    }
  }
  const link = new ServerLink({
    platform: { ...browserPlatform, createPeer, after },
    speaker: { play: () => undefined, close: () => undefined } as unknown as Speaker,
    signal: (signal) => void signals.push(signal as (typeof signals)[number]),
    lost: () => {
      lostCount += 1
    },
  })
  const terms = (session: string, media: 'audio' | 'video' = 'audio'): ServerLinkTerms => ({
    ...{ session, media, configuration: {}, tracks: { audio: null, video: null } },
  })
  /** Lets the time go on by so much for whatever waits no longer than that. */
  const pass = (ms: number) => {
    for (const timer of timers.filter((one) => !one.isOver && one.ms <= ms)) {
      timer.isOver = true
      timer.act()
    }
  }
  return { link, peers, signals, terms, pass, lostCount: () => lostCount }
}

/** Lets what waits for promises go on. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 30; turn += 1) await Promise.resolve()
}

const description = (type: 'offer' | 'answer', ufrag: string, rest = '') => ({
  sdp: { type, sdp: `v=0\r\na=parley-of:${ufrag}\r\n${rest}` },
})

describe('a link to a server', () => {
  test('sends and gets a mix on one connection in a call with sound alone', async () => {
    const { link, peers, signals, terms } = arrange()
    link.begin(terms('one'))
    await settled()
    assert.deepEqual(
      peers.map(({ acts }) => acts),
      [['audio sendrecv', 'local']],
    )
    assert.deepEqual(
      signals.map(({ sdp }) => sdp?.type),
      ['offer'],
    )
    link.receive(description('answer', 'u0'))
    await settled()
    assert.equal(peers[0]?.acts.at(-1), 'remote answer')
  })

  test('sends on one and receives on another in a call with video', async () => {
    const { link, peers, signals, terms } = arrange()
    link.begin(terms('one', 'video'))
    link.receive(description('answer', 'u0'))
    link.receive(description('offer', 'u0'))
    await settled()
    assert.deepEqual(
      peers.map(({ acts }) => acts),
      [
        ['audio sendonly', 'video sendonly', 'local', 'remote answer'],
        ['remote offer', 'local'],
      ],
    )
    assert.deepEqual(
      signals.map(({ sdp }) => sdp?.type),
      ['offer', 'answer'],
    )
  })

  test('begins once for a session, and anew for another', async () => {
    const { link, peers, terms } = arrange()
    link.begin(terms('one'))
    link.begin(terms('one'))
    await settled()
    assert.equal(peers.length, 1)
    link.begin(terms('two'))
    await settled()
    assert.equal(peers.length, 2)
    assert.equal(peers[0]?.acts.at(-1), 'close')
  })

  test('passes over what belongs to an offer before', async () => {
    const { link, peers, terms } = arrange()
    link.begin(terms('one'))
    await settled()
    link.begin(terms('two'))
    link.receive(description('answer', 'u0'))
    link.receive(description('offer', 'u0'))
    await settled()
    assert.deepEqual(peers[1]?.acts, ['audio sendrecv', 'local'])
    assert.equal(peers.length, 2)
  })

  test('gives everybody their own media, whoever of both comes first', async () => {
    const { link, terms } = arrange()
    const given: string[] = []
    const listener = (name: string) => ({
      track: () => void given.push(name),
      state: () => undefined,
      isVideoOn: () => undefined,
    })
    link.begin(terms('one', 'video'))
    link.linkTo('ann', listener('ann'))
    const medium = (owner: string) => `m=audio 9\r\na=mid:0\r\na=msid:${owner} ${owner}-0\r\n`
    link.receive(description('offer', 'u0', medium('ann')))
    await settled()
    assert.deepEqual(given, ['ann'])
    link.receive(description('offer', 'u0', medium('ann')))
    link.receive(description('offer', 'u0', medium('bob')))
    await settled()
    assert.deepEqual(given, ['ann'])
    link.linkTo('bob', listener('bob'))
    assert.deepEqual(given, ['ann', 'bob'])
  })

  test('asks for another way a moment after it has lost its own, and begins then', async () => {
    const { link, peers, terms, pass, lostCount } = arrange()
    link.begin(terms('one'))
    await settled()
    const [peer] = peers
    assert.ok(peer !== undefined)
    peer.connectionState = 'failed'
    peer.onconnectionstatechange?.()
    assert.deepEqual([peer.acts.at(-1), lostCount()], ['close', 0])
    pass(2000)
    assert.equal(lostCount(), 1)
    link.begin(terms('one'))
    await settled()
    assert.equal(peers.length, 2)
  })

  test('takes a way that is not found in fifteen seconds for lost', async () => {
    const { link, peers, terms, pass, lostCount } = arrange()
    link.begin(terms('one'))
    await settled()
    pass(15_000)
    pass(2000)
    assert.deepEqual([peers[0]?.acts.at(-1), lostCount()], ['close', 1])
  })

  test('does nothing more once it is closed', async () => {
    const { link, peers, terms, pass, lostCount } = arrange()
    link.begin(terms('one'))
    await settled()
    link.close()
    link.receive(description('answer', 'u0'))
    pass(15_000)
    await settled()
    assert.deepEqual(
      peers.map(({ acts }) => acts.at(-1)),
      ['close'],
    )
    assert.equal(lostCount(), 0)
  })
})

/**
 * What a link does in which order. That two of them connect is shown by
 * tests/browsers/calling.test.ts; a browser there never lets a candidate overtake its description.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { PeerLink } from './peer-link.ts'
import { browserPlatform } from './platform.ts'

/** A link over a connection that writes down what it is told. */
function arrange(isOffering: boolean) {
  const acts: string[] = []
  const signals: unknown[] = []
  const connection = {
    remoteDescription: null as unknown,
    localDescription: { toJSON: () => ({ type: isOffering ? 'offer' : 'answer', sdp: 'ours' }) },
    createDataChannel: () => ({ readyState: 'connecting' }),
    addTransceiver: (kind: string) => void acts.push(`transceiver ${kind}`),
    getTransceivers: () => [],
    setLocalDescription: async () => void acts.push('local'),
    setRemoteDescription: async (description: { readonly type: string }) => {
      connection.remoteDescription = description
      acts.push(`remote ${description.type}`)
    },
    addIceCandidate: async ({ candidate }: { readonly candidate: string }) =>
      void acts.push(`candidate ${candidate}`),
    restartIce: () => void acts.push('restart'),
    close: () => void acts.push('close'),
  }
  const link = new PeerLink({
    platform: {
      ...browserPlatform,
      createPeer: () => connection as unknown as RTCPeerConnection,
    },
    configuration: {},
    isOffering,
    tracks: { audio: null, video: null },
    listener: {
      signal: (signal) => void signals.push(signal),
      track: () => undefined,
      state: (state) => void acts.push(`state ${state}`),
      isVideoOn: () => undefined,
    },
  })
  return { link, acts, signals }
}

/** Lets what waits for promises go on. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve()
}

describe('a link to another leg', () => {
  test('offers both kinds at once when this page is the newcomer', async () => {
    const { acts, signals } = arrange(true)
    await settled()
    assert.deepEqual(acts, ['transceiver audio', 'transceiver video', 'local'])
    assert.deepEqual(signals, [{ sdp: { type: 'offer', sdp: 'ours' } }])
  })

  test('waits for the offer of a newcomer, and never makes one', async () => {
    const { link, acts, signals } = arrange(false)
    link.restart()
    await settled()
    assert.deepEqual([acts, signals], [[], []])
    link.receive({ sdp: { type: 'offer', sdp: 'theirs' } })
    await settled()
    assert.deepEqual(acts, ['remote offer', 'local'])
    assert.deepEqual(signals, [{ sdp: { type: 'answer', sdp: 'ours' } }])
  })

  test('keeps candidates that come before the description they belong to', async () => {
    const { link, acts } = arrange(false)
    link.receive({ candidate: { candidate: 'a' } })
    link.receive({ sdp: { type: 'offer', sdp: 'theirs' } })
    link.receive({ candidate: { candidate: 'b' } })
    link.receive({ candidate: null })
    await settled()
    assert.deepEqual(acts, ['remote offer', 'candidate a', 'local', 'candidate b'])
  })

  test('does nothing more once it is closed', async () => {
    const { link, acts } = arrange(false)
    link.receive({ sdp: { type: 'offer', sdp: 'theirs' } })
    link.close()
    await settled()
    assert.deepEqual(acts, ['close'])
  })
})

/**
 * What runs in the pages of people in a group. Playwright writes each function out as text, so it
 * takes nothing from around it.
 */
import type { Call } from '@parley/calling'
import type { Loaded } from '../calling-in-page.ts'

type Page = Loaded & { follow: (call: Call) => void }

/** Calls people in a call with video, with a camera or without. */
export function showInPage([others, isShown]: readonly [readonly string[], boolean]): void {
  const page = globalThis as unknown as Page
  const { agent, sdk } = page
  const people = others.map((communicationUserId) => ({ communicationUserId }))
  const localVideoStreams = isShown ? [new sdk.LocalVideoStream()] : []
  page.follow(agent.startCall(people, { videoOptions: { localVideoStreams } }))
}

/** Joins the call of a room, with a camera or without. */
export function joinRoomInPage([roomId, isShown]: readonly [string, boolean]): void {
  const page = globalThis as unknown as Page
  const { agent, sdk } = page
  const shown = { videoOptions: { localVideoStreams: [new sdk.LocalVideoStream()] } }
  page.follow(agent.join({ roomId }, isShown ? shown : {}))
}

/** Answers what rings, with a camera. */
export async function acceptShownInPage(): Promise<void> {
  const page = globalThis as unknown as Page
  const { incoming, sdk } = page
  const videoOptions = { localVideoStreams: [new sdk.LocalVideoStream()] }
  const call = await incoming?.accept({ videoOptions })
  if (call !== undefined) page.follow(call)
}

/** One stream that comes in. */
export interface Coming {
  readonly kind: string
  /** The leg whose it is; of a mix nothing of that kind. */
  readonly of: string
  readonly energy: number
  readonly packets: number
  readonly frames: number
  /** When its last packet came, milliseconds since the Unix epoch. */
  readonly lastAtMs: number
}

/** What comes in from wherever, by the browser's figures. */
export async function comingInPage(): Promise<readonly Coming[]> {
  const page = globalThis as unknown as {
    readonly peers: {
      readonly connectionState: string
      readonly remoteDescription: { readonly sdp: string } | null
      getStats(): Promise<{ values(): Iterable<Readonly<Record<string, unknown>>> }>
    }[]
  }
  const all = page.peers.map(async (peer) => {
    if (peer.connectionState === 'closed') return []
    const { sdp = '' } = peer.remoteDescription ?? {}
    const owners = new Map(
      sdp.split(/^(?=m=)/m).map((section) => {
        const [, mid = ''] = /^a=mid:(\S+)/m.exec(section) ?? []
        const [, owner = ''] = /^a=msid:(\S+)/m.exec(section) ?? []
        return [mid, owner] as const
      }),
    )
    const rows = [...(await peer.getStats()).values()]
    const coming = rows.filter((row) => row['type'] === 'inbound-rtp')
    return coming.map((row) => ({
      kind: String(row['kind']),
      of: owners.get(String(row['mid'])) ?? '',
      energy: Number(row['totalAudioEnergy'] ?? 0),
      packets: Number(row['packetsReceived'] ?? 0),
      frames: Number(row['framesDecoded'] ?? 0),
      lastAtMs: Number(row['lastPacketReceivedTimestamp'] ?? 0),
    }))
  })
  return (await Promise.all(all)).flat()
}

/** From now on no connection is closed: the client of somebody who does not go when told to. */
export function stayInPage(): void {
  const page = globalThis as unknown as {
    readonly RTCPeerConnection: { readonly prototype: { close: () => void } }
  }
  page.RTCPeerConnection.prototype.close = () => undefined
  for (const peer of (globalThis as unknown as Loaded).peers) {
    ;(peer as unknown as { close: () => void }).close = () => undefined
  }
}

/**
 * When the last packet of sound came, of somebody or of anybody: looked for as long as is said,
 * since a browser forgets a stream that the other side has taken away.
 */
export async function lastSoundInPage([of, forMs]: readonly [string, number]): Promise<number> {
  const page = globalThis as unknown as { readonly coming: () => Promise<readonly Coming[]> }
  const startedAt = performance.now()
  let lastAtMs = 0
  while (performance.now() - startedAt < forMs) {
    for (const one of await page.coming()) {
      const isMeant = one.kind === 'audio' && (of === '' || one.of === of)
      if (isMeant) lastAtMs = Math.max(lastAtMs, one.lastAtMs)
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return lastAtMs
}

interface Transceiver {
  readonly receiver: { readonly track: { readonly kind: string } }
  readonly sender: { replaceTrack(track: object | null): Promise<void> }
}

/** Sends the microphone on every connection, whatever the client thinks of it. */
export async function speakInPage(): Promise<void> {
  const page = globalThis as unknown as {
    readonly peers: readonly { getTransceivers(): readonly Transceiver[] }[]
    readonly navigator: {
      readonly mediaDevices: {
        getUserMedia(constraints: object): Promise<{ getAudioTracks(): readonly object[] }>
      }
    }
  }
  const stream = await page.navigator.mediaDevices.getUserMedia({ audio: true })
  const [track = null] = stream.getAudioTracks()
  for (const peer of page.peers) {
    const senders = peer.getTransceivers().filter(({ receiver }) => receiver.track.kind === 'audio')
    for (const { sender } of senders) await sender.replaceTrack(track)
  }
}

/** The leg of somebody; nothing where they are not in the call. */
export function legOfInPage(id: string): string {
  const { call } = globalThis as unknown as Page
  const found = call?.remoteParticipants.find(({ identifier }) => {
    return 'communicationUserId' in identifier && identifier.communicationUserId === id
  })
  return found?.legId ?? ''
}

/** The legs of the others. */
export function legsInPage(): readonly string[] {
  const { call } = globalThis as unknown as Page
  return (call?.remoteParticipants ?? []).map(({ legId }) => legId)
}

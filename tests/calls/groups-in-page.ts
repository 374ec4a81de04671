/**
 * What runs in the pages of people in a group. Playwright writes each function out as text, so it
 * takes nothing from around it.
 */
import type { Call } from '@parley/calling'
import type { Loaded } from '../calling-in-page.ts'

type Page = Loaded & { follow: (call: Call) => void }

/** Calls people with a camera. */
export function showInPage(others: readonly string[]): void {
  const page = globalThis as unknown as Page
  const { agent, sdk } = page
  const people = others.map((communicationUserId) => ({ communicationUserId }))
  const videoOptions = { localVideoStreams: [new sdk.LocalVideoStream()] }
  page.follow(agent.startCall(people, { videoOptions }))
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

/** The legs of the others. */
export function legsInPage(): readonly string[] {
  const { call } = globalThis as unknown as Page
  return (call?.remoteParticipants ?? []).map(({ legId }) => legId)
}

import type { Call, RemoteParticipant } from '@parley/calling'
import { byId, dressAvatar, icon, make } from './page.ts'
import { nameOf } from './people.ts'

/** Raw id of a participant. */
export function rawIdOf({ identifier }: Pick<RemoteParticipant, 'identifier'>): string {
  return 'phoneNumber' in identifier
    ? `4:${identifier.phoneNumber}`
    : identifier.communicationUserId
}

interface Shown {
  readonly key: string
  readonly name: string
  readonly note: string
  readonly stream: MediaStream | undefined
  readonly isMine: boolean
  readonly isMuted: boolean
}

const tiles = new Map<string, HTMLElement>()

/** Draws everybody in a call. Tiles stay who they are, so that no video starts again. */
export function drawTiles(call: Call, myName: string): void {
  const mine: Shown = {
    key: 'me',
    name: myName,
    note: '',
    stream: call.localVideoStream?.mediaStream,
    isMine: true,
    isMuted: call.isMuted,
  }
  const others = call.remoteParticipants.map(
    (participant): Shown => ({
      key: participant.legId,
      name: nameOf(rawIdOf(participant)),
      note: participant.state === 'Connected' ? '' : 'connecting…',
      stream: participant.videoStream,
      isMine: false,
      isMuted: participant.isMuted,
    }),
  )
  const shown = [...others, mine]
  const keys = new Set(shown.map(({ key }) => key))
  for (const [key, tile] of tiles) {
    if (keys.has(key)) continue
    tile.remove()
    tiles.delete(key)
  }
  for (const one of shown) drawTile(one)
  // Who is alone sees themselves in full, else in a corner.
  const columns = Math.ceil(Math.sqrt(Math.max(1, others.length)))
  tiles.get('me')?.classList.toggle('corner', others.length > 0)
  byId('tiles').style.setProperty('--columns', String(columns))
}

/** Takes all tiles away. */
export function clearTiles(): void {
  for (const tile of tiles.values()) tile.remove()
  tiles.clear()
}

function drawTile({ key, name, note, stream, isMine, isMuted }: Shown): void {
  const tile = tiles.get(key) ?? createTile(key, isMine)
  const [avatar, video, caption] = tile.children as unknown as [
    HTMLElement,
    HTMLVideoElement,
    HTMLElement,
  ]
  const label = isMine ? 'You' : name
  dressAvatar(avatar, name)
  caption.replaceChildren(...(isMuted ? [icon('microphone-off')] : []), `${label} ${note}`.trim())
  tile.setAttribute('aria-label', `${label}${isMuted ? ', muted' : ''} ${note}`.trim())
  video.hidden = stream === undefined
  const [track] = stream?.getVideoTracks() ?? []
  const [current] = (video.srcObject as MediaStream | null)?.getVideoTracks() ?? []
  if (track !== current) video.srcObject = stream ?? null
}

function createTile(key: string, isMine: boolean): HTMLElement {
  const tile = make('figure', isMine ? 'tile mine' : 'tile')
  const avatar = make('span', 'avatar')
  avatar.setAttribute('aria-hidden', 'true')
  const video = make('video', '')
  video.autoplay = true
  video.playsInline = true
  // Sound is played by the SDK; this element shows only.
  video.muted = true
  tile.append(avatar, video, make('figcaption', ''))
  const [last] = byId('tiles').getElementsByClassName('mine')
  if (last === undefined) byId('tiles').append(tile)
  else last.before(tile)
  tiles.set(key, tile)
  return tile
}

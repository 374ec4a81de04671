import type { AudioDeviceInfo, DeviceManager, VideoDeviceInfo } from './devices.ts'
import type { LocalTracks } from './peer-link.ts'

/** What this page shows of itself: a camera, or a track of the app's own, such as a screen. */
export class LocalVideoStream {
  #source: VideoDeviceInfo | MediaStreamTrack | undefined
  #track: MediaStreamTrack | undefined

  /** @param source - absent leaves the choice of the camera to the browser. */
  constructor(source?: VideoDeviceInfo | MediaStreamTrack) {
    this.#source = source
  }

  /** What is being sent, to show it to its sender; `undefined` until a call sends it. */
  get mediaStream(): MediaStream | undefined {
    return this.#track && new MediaStream([this.#track])
  }

  /** Opens the camera. A track of the app's own is sent as it is, and never stopped here. */
  async open(devices: DeviceManager): Promise<MediaStreamTrack> {
    const { id, name } = (this.#source ?? {}) as Partial<VideoDeviceInfo>
    this.#track = isTrack(this.#source)
      ? this.#source
      : await devices.openCamera(id === undefined ? undefined : { id, name: name ?? '' })
    return this.#track
  }

  /** Lets go of the camera. */
  close(): void {
    if (!isTrack(this.#source)) this.#track?.stop()
    this.#track = undefined
  }
}

function isTrack(
  source: VideoDeviceInfo | MediaStreamTrack | undefined,
): source is MediaStreamTrack {
  return source !== undefined && 'kind' in source
}

/** What the media of this page tell their call. */
export interface LocalMediaListener {
  /** Something else is to be sent. */
  readonly tracks: (tracks: LocalTracks) => void
  /** Video has ended by itself. */
  readonly videoEnded: () => void
}

/**
 * The microphone and camera of one call.
 *
 * Who starts muted has no microphone opened, so the browser asks nothing and shows no light; the
 * first unmute opens it. Muting later sends silence and keeps the microphone, so that unmuting
 * takes no time.
 */
export class LocalMedia {
  readonly #devices: DeviceManager
  readonly #listener: LocalMediaListener
  readonly #microphoneChanged: (device: AudioDeviceInfo | undefined) => void
  #audio: MediaStreamTrack | null = null
  #video: MediaStreamTrack | null = null
  #videoStream: LocalVideoStream | undefined
  #isMuted = true
  #isClosed = false

  constructor(devices: DeviceManager, listener: LocalMediaListener) {
    this.#devices = devices
    this.#listener = listener
    this.#microphoneChanged = () => void this.#reopen()
    devices.on('selectedMicrophoneChanged', this.#microphoneChanged)
  }

  get tracks(): LocalTracks {
    return { audio: this.#audio, video: this.#video }
  }

  get isMuted(): boolean {
    return this.#isMuted
  }

  get videoStream(): LocalVideoStream | undefined {
    return this.#videoStream
  }

  /** Sends what the microphone hears; opens it if that has not been done. */
  async unmute(): Promise<void> {
    if (this.#audio === null) await this.#useMicrophone()
    this.#isMuted = false
    if (this.#audio !== null) this.#audio.enabled = true
  }

  /** Sends silence. */
  mute(): void {
    this.#isMuted = true
    if (this.#audio !== null) this.#audio.enabled = false
  }

  /** Sends this stream instead of the one before. */
  async startVideo(stream: LocalVideoStream): Promise<void> {
    const track = await stream.open(this.#devices)
    if (this.#isClosed) return stream.close()
    if (this.#videoStream !== stream) this.#videoStream?.close()
    this.#videoStream = stream
    this.#video = track
    // The camera was unplugged, or the person has told the browser to share the screen no more.
    track.onended = () => {
      if (this.#video !== track) return
      this.stopVideo()
      this.#listener.videoEnded()
    }
    this.#listener.tracks(this.tracks)
  }

  /** Sends no video. */
  stopVideo(): void {
    this.#videoStream?.close()
    this.#videoStream = undefined
    this.#video = null
    this.#listener.tracks(this.tracks)
  }

  /** Lets go of all devices. */
  close(): void {
    this.#isClosed = true
    this.#devices.off('selectedMicrophoneChanged', this.#microphoneChanged)
    this.#audio?.stop()
    this.#videoStream?.close()
    this.#audio = null
    this.#video = null
    this.#videoStream = undefined
  }

  async #useMicrophone(): Promise<void> {
    const track = await this.#devices.openMicrophone()
    if (this.#isClosed) return track.stop()
    this.#audio?.stop()
    track.enabled = !this.#isMuted
    this.#audio = track
    this.#listener.tracks(this.tracks)
  }

  /** Another microphone was selected. One that cannot be opened leaves the former in use. */
  async #reopen(): Promise<void> {
    if (this.#audio === null) return
    await this.#useMicrophone().catch(() => undefined)
  }
}

import { Emitter } from './emitter.ts'
import { CallingError, deviceError } from './errors.ts'
import type { Platform } from './platform.ts'

/** A camera. */
export interface VideoDeviceInfo {
  readonly id: string
  /** As the browser names it; empty until the person has allowed the page to use one. */
  readonly name: string
}

/** A microphone or a speaker. */
export interface AudioDeviceInfo {
  readonly id: string
  /** As the browser names it; empty until the person has allowed the page to use one. */
  readonly name: string
  readonly deviceType: 'Microphone' | 'Speaker'
}

/** The events of a {@link DeviceManager}. */
export interface DeviceManagerEvents {
  /** A camera came or went. */
  readonly videoDevicesUpdated: undefined
  /** A microphone or speaker came or went. */
  readonly audioDevicesUpdated: undefined
  readonly selectedMicrophoneChanged: AudioDeviceInfo | undefined
  readonly selectedSpeakerChanged: AudioDeviceInfo | undefined
}

/**
 * The devices of this machine, and which of them calls use.
 *
 * A selection holds for calls that go on and for those to come. Names are known once the person
 * has allowed the page to use a device: call {@link DeviceManager.askDevicePermission} first.
 */
export class DeviceManager extends Emitter<DeviceManagerEvents> {
  readonly #platform: Platform
  readonly #refresh = (): void => {
    this.emit('videoDevicesUpdated', undefined)
    this.emit('audioDevicesUpdated', undefined)
  }
  #microphone: AudioDeviceInfo | undefined
  #speaker: AudioDeviceInfo | undefined

  constructor(platform: Platform) {
    super()
    this.#platform = platform
    platform.devices()?.addEventListener('devicechange', this.#refresh)
  }

  /** The microphone that was selected; `undefined` leaves the choice to the browser. */
  get selectedMicrophone(): AudioDeviceInfo | undefined {
    return this.#microphone
  }

  /** The speaker that was selected; `undefined` leaves the choice to the browser. */
  get selectedSpeaker(): AudioDeviceInfo | undefined {
    return this.#speaker
  }

  /** Says whether this browser lets a page choose the speaker. */
  get isSpeakerSelectionAvailable(): boolean {
    return typeof HTMLMediaElement !== 'undefined' && 'setSinkId' in HTMLMediaElement.prototype
  }

  /** Asks the person, if the browser has to, and says what the page may use from now on. */
  async askDevicePermission(asked: {
    readonly audio: boolean
    readonly video: boolean
  }): Promise<{ readonly audio: boolean; readonly video: boolean }> {
    const audio = asked.audio && (await this.#mayUse({ audio: true }))
    const video = asked.video && (await this.#mayUse({ video: true }))
    this.#refresh()
    return { audio, video }
  }

  /** Lists the cameras. */
  async getCameras(): Promise<readonly VideoDeviceInfo[]> {
    const cameras = await this.#list('videoinput')
    return cameras.map(({ deviceId: id, label: name }) => ({ id, name }))
  }

  /** Lists the microphones. */
  async getMicrophones(): Promise<readonly AudioDeviceInfo[]> {
    const microphones = await this.#list('audioinput')
    return microphones.map(({ deviceId, label }) => audioDevice('Microphone', deviceId, label))
  }

  /** Lists the speakers; some browsers tell of none. */
  async getSpeakers(): Promise<readonly AudioDeviceInfo[]> {
    const speakers = await this.#list('audiooutput')
    return speakers.map(({ deviceId, label }) => audioDevice('Speaker', deviceId, label))
  }

  /** Makes calls use this microphone, those that go on as well. */
  selectMicrophone(device: AudioDeviceInfo): void {
    this.#microphone = device
    this.emit('selectedMicrophoneChanged', device)
  }

  /** Makes calls be heard from this speaker, those that go on as well. */
  selectSpeaker(device: AudioDeviceInfo): void {
    this.#speaker = device
    this.emit('selectedSpeakerChanged', device)
  }

  /**
   * Opens the selected microphone; the caller stops the track.
   *
   * @throws CallingError `device-denied` or `device-unavailable`.
   */
  async openMicrophone(): Promise<MediaStreamTrack> {
    const processing = { echoCancellation: true, noiseSuppression: true, autoGainControl: true }
    const audio = { ...processing, ...exactly(this.#microphone) }
    return this.#open({ audio }, 'microphone')
  }

  /**
   * Opens a camera; the caller stops the track.
   *
   * @param camera - the one wanted; absent leaves the choice to the browser.
   * @throws CallingError `device-denied` or `device-unavailable`.
   */
  async openCamera(camera?: VideoDeviceInfo): Promise<MediaStreamTrack> {
    const size = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { max: 30 } }
    return this.#open({ video: { ...size, ...exactly(camera) } }, 'camera')
  }

  /** Listens to the browser no more. */
  dispose(): void {
    this.#platform.devices()?.removeEventListener('devicechange', this.#refresh)
  }

  async #open(
    constraints: MediaStreamConstraints,
    device: 'microphone' | 'camera',
  ): Promise<MediaStreamTrack> {
    const devices = this.#platform.devices()
    if (devices === undefined) {
      throw new CallingError('device-unavailable', 'only pages on https or localhost have devices')
    }
    const stream = await devices.getUserMedia(constraints).catch((cause: unknown) => {
      throw deviceError(cause, device)
    })
    const [track] = stream.getTracks()
    if (track === undefined) throw deviceError(undefined, device)
    return track
  }

  async #mayUse(constraints: MediaStreamConstraints): Promise<boolean> {
    const device = constraints.audio === true ? 'microphone' : 'camera'
    try {
      const track = await this.#open(constraints, device)
      track.stop()
      return true
    } catch (error) {
      if (error instanceof CallingError) return false
      throw error
    }
  }

  async #list(kind: MediaDeviceKind): Promise<readonly MediaDeviceInfo[]> {
    const all = (await this.#platform.devices()?.enumerateDevices()) ?? []
    return all.filter((device) => device.kind === kind)
  }
}

function audioDevice(
  deviceType: AudioDeviceInfo['deviceType'],
  id: string,
  name: string,
): AudioDeviceInfo {
  return { id, name, deviceType }
}

function exactly(device: { readonly id: string } | undefined): MediaTrackConstraints {
  return device === undefined ? {} : { deviceId: { exact: device.id } }
}

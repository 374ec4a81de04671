import type { AudioDeviceInfo, DeviceManager } from './devices.ts'
import type { Platform } from './platform.ts'

/** Plays what is heard of somebody, or of all in a mix, where the person wants to hear it. */
export class Speaker {
  readonly #audio: HTMLAudioElement | undefined
  readonly #devices: DeviceManager
  readonly #selected: (device: AudioDeviceInfo | undefined) => void

  constructor(platform: Platform, devices: DeviceManager) {
    this.#audio = platform.createAudio()
    this.#devices = devices
    this.#selected = (speaker) => {
      // A speaker that has gone meanwhile leaves the sound where it is.
      this.#audio?.setSinkId?.(speaker?.id ?? '').catch(() => undefined)
    }
    devices.on('selectedSpeakerChanged', this.#selected)
    if (devices.selectedSpeaker !== undefined) this.#selected(devices.selectedSpeaker)
  }

  play(track: MediaStreamTrack): void {
    if (this.#audio === undefined) return
    this.#audio.srcObject = new MediaStream([track])
    // A browser may want a click first; pages that use a microphone are let through by all.
    void this.#audio.play().catch(() => undefined)
  }

  close(): void {
    this.#devices.off('selectedSpeakerChanged', this.#selected)
    if (this.#audio !== undefined) this.#audio.srcObject = null
  }
}

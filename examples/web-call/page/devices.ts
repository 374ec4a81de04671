import { type Call, type DeviceManager, LocalVideoStream } from '@parley/calling'
import { byId } from './page.ts'

interface Device {
  readonly id: string
  readonly name: string
}

/** Lets a person choose the devices; choices hold at once, in a call as well. */
export async function drawDevices(devices: DeviceManager, call: Call | undefined): Promise<void> {
  const [microphones, cameras, speakers] = await Promise.all([
    devices.getMicrophones(),
    devices.getCameras(),
    devices.getSpeakers(),
  ])
  offer('microphone', microphones, devices.selectedMicrophone?.id, (chosen) =>
    devices.selectMicrophone(chosen),
  )
  offer('speaker', speakers, devices.selectedSpeaker?.id, (chosen) => devices.selectSpeaker(chosen))
  offer('camera', cameras, undefined, (chosen) => {
    if (call?.localVideoStream !== undefined) void call.startVideo(new LocalVideoStream(chosen))
  })
  byId<HTMLSelectElement>('speaker').disabled = !devices.isSpeakerSelectionAvailable
  byId<HTMLDialogElement>('devices').showModal()
}

function offer<One extends Device>(
  id: string,
  found: readonly One[],
  selected: string | undefined,
  choose: (chosen: One) => void,
): void {
  const list = byId<HTMLSelectElement>(id)
  list.replaceChildren(
    ...found.map((one, place) => {
      const isSelected = one.id === (selected ?? found[0]?.id)
      return new Option(one.name || `${id} ${place + 1}`, one.id, isSelected, isSelected)
    }),
  )
  list.onchange = () => {
    const chosen = found.find((one) => one.id === list.value)
    if (chosen !== undefined) choose(chosen)
  }
}

/** Sounds that the page makes itself: tones of keys, and a bell. */
let context: AudioContext | undefined

const rows = [697, 770, 852, 941]
const columns = [1209, 1336, 1477]
const layout = '123456789*0#'

/** Plays the two tones of a key. */
export function playKey(key: string): void {
  const place = layout.indexOf(key)
  if (place < 0) return
  beep([rows[Math.floor(place / 3)] ?? 0, columns[place % 3] ?? 0], 0.12)
}

/** Rings until the function that it returns is called. */
export function ring(): () => void {
  const strike = () => {
    beep([660, 880], 0.35)
    navigator.vibrate?.(300)
  }
  strike()
  const timer = setInterval(strike, 1800)
  return () => clearInterval(timer)
}

function beep(frequencies: readonly number[], seconds: number): void {
  context ??= new AudioContext()
  const { currentTime, destination } = context
  const volume = new GainNode(context, { gain: 0.08 })
  volume.gain.setTargetAtTime(0, currentTime + seconds, 0.03)
  volume.connect(destination)
  for (const frequency of frequencies) {
    const tone = new OscillatorNode(context, { frequency })
    tone.connect(volume)
    tone.start()
    tone.stop(currentTime + seconds + 0.3)
  }
}

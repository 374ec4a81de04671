/** The page: signs in, shows who can be called, and follows one call at a time. */
import {
  type Call,
  type CallAgent,
  CallClient,
  type CallEnd,
  CallingError,
  type CommunicationIdentifier,
  type DeviceManager,
  type IncomingCall,
  LocalVideoStream,
  type RemoteParticipant,
} from '@parley/calling'
import { drawDevices } from './devices.ts'
import { drawDialPad } from './dial-pad.ts'
import { byId, dressAvatar, icon, iconButton, make, toast } from './page.ts'
import { fetchToken, listPeople, type Me, nameOf, type Person, signIn } from './people.ts'
import { ring } from './sounds.ts'
import { clearTiles, drawTiles, rawIdOf } from './tiles.ts'

let me: Me
let agent: CallAgent
let devices: DeviceManager
let call: Call | undefined
let startedAtMs: number | undefined

const endings: Readonly<Record<string, string>> = {
  rejected: 'They cannot talk now.',
  timeout: 'Nobody answered.',
  removed: 'You were taken out of the call.',
  revoked: 'Your access was withdrawn.',
  tokenRevoked: 'Your access was withdrawn.',
  tokenExpired: 'Your session has expired.',
  disconnected: 'The connection was lost.',
  lost: 'The connection was lost.',
}

const refusals: Readonly<Record<string, string>> = {
  PhoneUnavailable: 'Phones cannot be called from here.',
  IdentityNotFound: 'They are not here any more.',
  CallNotRinging: 'Somebody else was faster.',
  CallFull: 'The call is full.',
}

function wordsFor(error: unknown): string {
  if (!(error instanceof CallingError)) return String(error)
  if (error.code === 'device-denied') return 'Allow the page to use your microphone and camera.'
  if (error.code === 'device-unavailable') return 'The microphone or camera cannot be used.'
  return refusals[error.serviceCode ?? ''] ?? error.message
}

/** Does what a click asked for, and says what went wrong with it. */
function attempt(act: () => Promise<unknown>): void {
  act().catch((error: unknown) => toast(wordsFor(error)))
}

async function start(name: string): Promise<void> {
  me = await signIn(name)
  const client = new CallClient({ endpoint: me.endpoint })
  devices = await client.getDeviceManager()
  agent = await client.createCallAgent({ getToken: fetchToken })
  agent.on('incomingCall', ({ incomingCall }) => void announce(incomingCall))
  agent.on('connectionStateChanged', drawConnection)
  byId('welcome').hidden = true
  byId('app').hidden = false
  byId('my-name').textContent = me.name
  dressAvatar(byId('my-avatar'), me.name)
  document.title = `${me.name} · Web call`
  drawConnection()
  await drawPeople()
  setInterval(() => void drawPeople().catch(() => undefined), 3000)
  setInterval(drawClock, 500)
}

function drawConnection(): void {
  const { connectionState, endReason } = agent
  const words = { Connected: 'Online', Connecting: 'Reconnecting…', Disconnected: 'Signed out' }
  byId('connection').textContent = words[connectionState]
  byId('connection').dataset['state'] = connectionState
  if (endReason !== undefined) toast(endings[endReason] ?? 'Reload the page to sign in again.')
}

let drawn = ''

async function drawPeople(): Promise<void> {
  const people = (await listPeople()).filter(({ id }) => id !== me.id)
  const isInCall = call !== undefined
  const present = new Set(call?.remoteParticipants.map(rawIdOf))
  const state = JSON.stringify([people, isInCall, [...present]])
  if (state === drawn) return
  drawn = state
  byId('nobody').hidden = people.length > 0
  byId('people').replaceChildren(...people.map((person) => row(person, present)))
}

function row(person: Person, present: ReadonlySet<string>): HTMLElement {
  const line = make('li', '')
  const avatar = make('span', 'avatar')
  avatar.setAttribute('aria-hidden', 'true')
  dressAvatar(avatar, person.name)
  line.append(avatar, make('span', 'who', person.name))
  const who = { communicationUserId: person.id }
  if (present.has(person.id)) line.append(make('span', 'hint', 'In the call'))
  else if (call !== undefined) {
    const label = `Add ${person.name} to the call`
    line.append(iconButton('add', label, () => attempt(async () => call?.addParticipant(who))))
  } else {
    line.append(
      iconButton('phone', `Call ${person.name}`, () => dial([who], false)),
      iconButton('camera', `Call ${person.name} with video`, () => dial([who], true)),
    )
  }
  return line
}

function dial(people: readonly CommunicationIdentifier[], isVideo: boolean): void {
  if (call !== undefined) {
    toast('You are in a call already.')
    return
  }
  const localVideoStreams = isVideo ? [new LocalVideoStream()] : []
  follow(agent.startCall(people, isVideo ? { videoOptions: { localVideoStreams } } : {}), people)
}

/** Shows a call until it is over. */
function follow(next: Call, people: readonly CommunicationIdentifier[]): void {
  call = next
  startedAtMs = undefined
  const called = people.map((identifier) => nameOf(rawIdOf({ identifier }))).join(', ')
  const draw = () => drawCall(next, called)
  next.on('stateChanged', (state) => {
    if (state === 'Connected') startedAtMs ??= Date.now()
    draw()
  })
  next.on('isMutedChanged', draw)
  next.on('localVideoChanged', draw)
  next.on('remoteParticipantsUpdated', ({ added, removed }) => {
    for (const participant of added) watch(participant, draw)
    for (const participant of removed) {
      if (next.state === 'Connected') toast(`${nameOf(rawIdOf(participant))} has left.`)
    }
    draw()
    void drawPeople().catch(() => undefined)
  })
  for (const participant of next.remoteParticipants) watch(participant, draw)
  next.on('dtmfReceived', ({ digits, sender }) => {
    toast(`${sender === undefined ? 'Somebody' : nameOf(rawIdOf(sender))} pressed ${digits}`)
  })
  if (next.state === 'Connected') startedAtMs = Date.now()
  draw()
  void drawPeople().catch(() => undefined)
}

function watch(participant: RemoteParticipant, draw: () => void): void {
  participant.on('stateChanged', draw)
  participant.on('isMutedChanged', draw)
  participant.on('videoStreamChanged', draw)
}

function drawCall(shown: Call, called: string): void {
  if (shown.state === 'Disconnected') {
    endCall(shown)
    return
  }
  byId('idle').hidden = true
  byId('call').hidden = false
  const names = shown.remoteParticipants.map((one) => nameOf(rawIdOf(one))).join(', ')
  const verb = shown.state === 'Ringing' ? 'Ringing' : 'Calling'
  byId('call-title').textContent = names || (called === '' ? 'Call' : `${verb} ${called}…`)
  const mute = byId('mute')
  mute.setAttribute('aria-pressed', String(shown.isMuted))
  mute.replaceChildren(icon(shown.isMuted ? 'microphone-off' : 'microphone'))
  const isShowing = shown.localVideoStream !== undefined
  byId('video').setAttribute('aria-pressed', String(isShowing))
  byId('video').replaceChildren(icon(isShowing ? 'camera' : 'camera-off'))
  drawTiles(shown, me.name)
}

function endCall(over: Call): void {
  if (call !== over) return
  call = undefined
  clearTiles()
  byId('call').hidden = true
  byId('idle').hidden = false
  toast(endingOf(over.callEndReason))
  void drawPeople().catch(() => undefined)
}

function endingOf(end: CallEnd | undefined): string {
  if (end?.error !== undefined) return wordsFor(end.error)
  return endings[end?.reason ?? ''] ?? 'The call has ended.'
}

function drawClock(): void {
  const seconds = startedAtMs === undefined ? 0 : Math.floor((Date.now() - startedAtMs) / 1000)
  const two = (count: number) => String(count).padStart(2, '0')
  const text = `${two(Math.floor(seconds / 60))}:${two(seconds % 60)}`
  byId('clock').textContent = startedAtMs === undefined ? '' : text
}

/** Rings, until somebody answers or the caller gives up. */
async function announce(incoming: IncomingCall): Promise<void> {
  await listPeople().catch(() => undefined)
  const caller = rawIdOf({ identifier: incoming.callerInfo.identifier })
  if (incoming.endReason !== undefined) return
  const name = nameOf(caller)
  byId('ring-title').textContent = name
  dressAvatar(byId('ring-avatar'), name)
  byId('ring').hidden = false
  byId('accept').focus()
  const stop = ring()
  const listeners = new AbortController()
  const { signal } = listeners
  incoming.on('callEnded', ({ reason }) => {
    stop()
    listeners.abort()
    byId('ring').hidden = true
    if (reason === 'answeredElsewhere') toast('You have answered on another device.')
    else if (reason === 'caller' || reason === 'timeout') toast(`You have missed ${name}.`)
  })
  const isVideo = incoming.media === 'video'
  const accept = async () => {
    if (call !== undefined) await call.hangUp()
    const localVideoStreams = isVideo ? [new LocalVideoStream()] : []
    const options = isVideo ? { videoOptions: { localVideoStreams } } : {}
    follow(await incoming.accept(options), [incoming.callerInfo.identifier])
  }
  byId('accept').addEventListener('click', () => attempt(accept), { signal })
  byId('reject').addEventListener('click', () => attempt(() => incoming.reject()), { signal })
}

async function toggleMute(): Promise<void> {
  await (call?.isMuted === true ? call.unmute() : call?.mute())
}

async function toggleVideo(): Promise<void> {
  if (call?.localVideoStream === undefined) await call?.startVideo(new LocalVideoStream())
  else await call.stopVideo()
}

byId<HTMLFormElement>('sign-in').addEventListener('submit', (event) => {
  event.preventDefault()
  const { value } = byId<HTMLInputElement>('name')
  const button = byId('sign-in').querySelector('button')
  button?.setAttribute('disabled', '')
  start(value).catch((error: unknown) => {
    button?.removeAttribute('disabled')
    toast(wordsFor(error))
  })
})
byId('mute').addEventListener('click', () => attempt(toggleMute))
byId('video').addEventListener('click', () => attempt(toggleVideo))
byId('hang-up').addEventListener('click', () => attempt(async () => call?.hangUp()))
byId('settings').addEventListener('click', () => attempt(() => drawDevices(devices, call)))
document.addEventListener('keydown', ({ key, target, ctrlKey, metaKey, altKey }) => {
  const isTyping = target instanceof HTMLInputElement || target instanceof HTMLSelectElement
  if (call === undefined || isTyping || ctrlKey || metaKey || altKey) return
  if (key === 'm') attempt(toggleMute)
  if (key === 'v') attempt(toggleVideo)
})
drawDialPad({
  isInCall: () => call !== undefined,
  sendTone: (digit) => attempt(async () => call?.sendDtmf(digit)),
  dial: (phoneNumber) => dial([{ phoneNumber }], false),
})

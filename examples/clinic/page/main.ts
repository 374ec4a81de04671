import { callApp, canReach } from '../../chat/app-calls.ts'
import { type Chat, openChat } from '../../chat/chat.ts'
import { createChatView } from '../../chat/chat-view.ts'
import type { Conversation, Participant } from '../../chat/conversations.ts'
import { avatar, button, element } from '../../chat/elements.ts'
import { brandOf, cardOf, distrustOf } from '../../chat/screens.ts'
import { doorsOf } from './doors.ts'
import { type Receipt, receiptOf } from './receipt.ts'

/** What `GET /app/state` answers somebody who is signed in. */
interface State {
  readonly endpoint: string
  readonly role: 'patient' | 'doctor' | 'desk' | 'visitor'
  /** Who is signed in, where others see him under another name. */
  readonly name?: string
  /** As whom he chats. */
  readonly me: Participant
}

const whenEmpty: Readonly<Record<State['role'], string>> = {
  patient: 'Your conversation with the doctor begins in a moment.',
  doctor: 'No patient has written yet.',
  desk: 'Nobody has asked anything yet.',
  visitor: 'The front desk is told of you.',
}

function show(...content: readonly Node[]): void {
  document.body.replaceChildren(...content)
}

async function start(): Promise<void> {
  const { body: state } = await callApp<Partial<State>>('/app/state')
  if (!isSignedIn(state)) return show(doorsOf(start))
  if (!(await canReach(state.endpoint))) return show(distrustOf(state.endpoint, start))
  await showChat(state)
}

function isSignedIn(state: Partial<State>): state is State {
  return state.me !== undefined
}

async function showChat(state: State): Promise<void> {
  const { endpoint, me, role } = state
  let chat: Chat | undefined
  const close = async () => chat?.close()
  const foot = role === 'patient' ? { foot: erasureOf(close) } : {}
  const view = createChatView(() => chat, {
    head: headOf(state, close),
    ...foot,
    titleOf: (conversation) => titleFor(me, conversation),
    whenEmpty: whenEmpty[role],
  })
  show(view.root)
  chat = await openChat({
    endpoint,
    me,
    onChange: () => view.update(),
    onCutOff: () => show(cutOff()),
  })
  if (document.body.contains(view.root)) view.update()
}

/** A conversation is called by who else is in it; once nobody is, by its topic. */
function titleFor({ identity }: Participant, conversation: Conversation): string {
  const others = conversation.participants.filter((one) => one.identity !== identity)
  return others.map(({ name }) => name).join(', ') || conversation.topic
}

function headOf({ role, me, name = me.name }: State, close: () => Promise<unknown>): Node {
  const leave = async () => {
    await close()
    await callApp('/app/sign-out', {})
    await start()
  }
  const label = role === 'visitor' ? 'End visit' : 'Sign out'
  const mark = element('strong', {}, name)
  const person = element('div', { class: 'me' }, avatar(name), mark)
  person.append(button(label, leave, { class: 'quiet' }))
  return element('div', {}, brandOf('Lindenhof Clinic'), person)
}

/** Asks before it erases, since nothing brings it back. */
function erasureOf(close: () => Promise<unknown>): Node {
  const erase = async () => {
    dialog.close()
    await close()
    const { status, body } = await callApp<Receipt>('/app/erase', {})
    show(status === 200 ? receiptOf(body, start) : cutOff())
  }
  const dialog = element('dialog', { 'aria-label': 'Delete my account' })
  const text = 'Your account goes, and so does all that you have written. Nothing brings it back.'
  const keep = button('Keep it', () => dialog.close(), { class: 'quiet' })
  const confirm = button('Delete everything', erase, { class: 'danger' })
  const actions = element('div', { class: 'actions' }, keep, confirm)
  dialog.append(element('h2', {}, 'Delete my account'), element('p', {}, text), actions)
  const open = button('Delete my account', () => dialog.showModal(), { class: 'danger' })
  return element('div', {}, open, dialog)
}

function cutOff(): Node {
  const text = element('p', {}, 'You are not signed in any more, or your visit is over.')
  const again = button('Start again', start)
  return cardOf('This conversation is closed', text, element('div', { class: 'actions' }, again))
}

await start()

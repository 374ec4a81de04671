import { callApp, canReach } from '../../chat/app-calls.ts'
import { type Chat, openChat } from '../../chat/chat.ts'
import { type ChatView, createChatView } from '../../chat/chat-view.ts'
import type { Participant } from '../../chat/conversations.ts'
import { avatar, button, element } from '../../chat/elements.ts'
import { brandOf, cardOf, distrustOf } from '../../chat/screens.ts'

/** A person as the app's server describes him; an identity only to who is signed in. */
interface Person {
  readonly id: string
  readonly name: string
  readonly isAdmin: boolean
  readonly identity: string
  readonly isRemoved: boolean
}

/** What `GET /app/state` answers. */
interface State {
  readonly endpoint: string
  /** Id of who is signed in here. */
  readonly me?: string
  readonly people: readonly Person[]
}

let state: State

async function readState(): Promise<void> {
  state = (await callApp<State>('/app/state')).body
}

function show(...content: readonly Node[]): void {
  document.body.replaceChildren(...content)
}

async function start(): Promise<void> {
  await readState()
  const me = state.people.find(({ id }) => id === state.me)
  if (me === undefined) return showSignIn()
  if (!(await canReach(state.endpoint))) return show(distrustOf(state.endpoint, start))
  await showChat(me)
}

function showSignIn(): void {
  const choices = state.people.map(({ id, name, isAdmin }) => {
    const choose = button('', () => callApp('/app/sign-in', { person: id }).then(start))
    const role = element('small', {}, isAdmin ? 'runs this app' : 'member')
    choose.append(avatar(name), element('span', {}, name, role))
    return choose
  })
  const hint = 'Sign in here as one of them, and in a private window as another.'
  show(
    cardOf(
      'Who are you?',
      element('p', {}, hint),
      element('div', { class: 'choices' }, ...choices),
    ),
  )
}

async function showChat(me: Person): Promise<void> {
  let chat: Chat | undefined
  const view = createChatView(() => chat, {
    head: headOf(me, () => chat?.close()),
    whenEmpty: 'No conversation yet. Begin one, or wait until somebody adds you.',
    reachable: () => state.people.filter(({ id, isRemoved }) => id !== me.id && !isRemoved),
    besideParticipant: (one) => (me.isAdmin ? accessOf(one, view) : []),
  })
  show(view.root)
  chat = await openChat({
    endpoint: state.endpoint,
    me,
    onChange: () => view.update(),
    onCutOff: showCutOff,
  })
  if (document.body.contains(view.root)) view.update()
}

function headOf(me: Person, close: () => unknown): Node {
  const leave = button(
    'Sign out',
    async () => {
      await close()
      await callApp('/app/sign-out', {})
      await start()
    },
    { class: 'quiet' },
  )
  const name = element('strong', {}, me.name)
  return element(
    'div',
    {},
    brandOf('Web chat'),
    element('div', { class: 'me' }, avatar(me.name), name, leave),
  )
}

/** What who runs the app can do about a participant: take his access away, and give it back. */
function accessOf({ identity }: Participant, view: ChatView): Node[] {
  const person = state.people.find((one) => one.identity === identity)
  if (person === undefined || person.isAdmin) return []
  const { id, name, isRemoved } = person
  const change = async () => {
    await callApp('/app/access', { person: id, isRemoved: !isRemoved })
    await readState()
    view.update()
  }
  const label = isRemoved ? 'Give access back' : 'Remove access'
  return [button(label, change, { class: 'danger', 'aria-label': `${label}: ${name}` })]
}

function showCutOff(): void {
  const text =
    'Your access to this chat was taken away. What you had open is closed, and the tokens of ' +
    'this browser are void.'
  show(
    cardOf(
      'You are cut off',
      element('p', {}, text),
      element('div', { class: 'actions' }, button('Try again', start)),
    ),
  )
}

await start()

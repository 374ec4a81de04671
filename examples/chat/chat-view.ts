/**
 * The chat as it is seen: conversations at the left, what is said in the middle, who is there at
 * the right. The field that is typed in is made once and stays; all else is drawn anew when
 * something has changed, which for some hundred lines of text takes a browser a millisecond.
 */
import type { Chat } from './chat.ts'
import { type Conversation, countUnread, type Participant } from './conversations.ts'
import { avatar, button, element } from './elements.ts'
import { entriesOf, latestOf } from './entries-view.ts'

/** What an app adds to the chat. */
export interface ChatViewOptions {
  /** What stands above the conversations. */
  readonly head: Node
  /** What stands below them. */
  readonly foot?: Node
  /** What stands beside a participant, such as a button. */
  readonly besideParticipant?: (participant: Participant, conversation: Conversation) => Node[]
  /** Whether this person may begin and enlarge conversations; then: with whom. */
  readonly reachable?: () => readonly Participant[]
  /** What a conversation is called. Default: its topic. */
  readonly titleOf?: (conversation: Conversation) => string
  /** What is said when there is no conversation. */
  readonly whenEmpty: string
}

/** A chat on the page. */
export interface ChatView {
  readonly root: HTMLElement
  /** Draws what is now. */
  readonly update: () => void
}

/** Makes the view; the chat need not be open yet when it is drawn for the first time. */
export function createChatView(chatOf: () => Chat | undefined, options: ChatViewOptions): ChatView {
  const list = element('ul', { class: 'conversations' })
  const opening = element('p', { class: 'hint', role: 'status' }, 'Connecting …')
  const header = element('header', { class: 'talk-head' }, opening)
  const entries = element('ol', { class: 'entries', 'aria-live': 'polite', tabindex: '0' })
  const typing = element('p', { class: 'typing', 'aria-live': 'polite' })
  const people = element('ul', { class: 'people' })
  const view = { list, header, entries, typing, people, chosen: '', shown: '' }
  const composer = composerOf(() => {
    const chat = chatOf()
    return chat === undefined ? undefined : { chat, id: view.chosen }
  })
  const update = () => {
    const chat = chatOf()
    if (chat !== undefined) draw(chat, view, { options, composer, update })
  }
  const begin = options.reachable === undefined ? [] : [beginButton(chatOf, options, view, update)]
  const root = element(
    'div',
    { class: 'chat' },
    element(
      'nav',
      { class: 'side', 'aria-label': 'Conversations' },
      options.head,
      element('div', { class: 'side-title' }, element('h2', {}, 'Conversations'), ...begin),
      list,
      ...(options.foot === undefined ? [] : [options.foot]),
    ),
    element('main', { class: 'talk' }, header, entries, typing, composer),
    element('aside', { class: 'beside', 'aria-label': 'Participants' }, people),
  )
  // What came in while the tab was hidden counts as read when it is looked at.
  document.addEventListener('visibilitychange', update)
  return { root, update }
}

interface Parts {
  readonly list: HTMLElement
  readonly header: HTMLElement
  readonly entries: HTMLElement
  readonly typing: HTMLElement
  readonly people: HTMLElement
  /** Id of the conversation that is looked at. */
  chosen: string
  /** Id of the conversation and of its last entry when this was drawn last. */
  shown: string
}

interface Around {
  readonly options: ChatViewOptions
  readonly composer: HTMLFormElement
  readonly update: () => void
}

function draw(chat: Chat, view: Parts, around: Around): void {
  const all = [...chat.conversations.values()].sort(
    (left, right) => latestOf(right) - latestOf(left),
  )
  if (!chat.conversations.has(view.chosen)) view.chosen = all[0]?.id ?? ''
  const chosen = chat.conversations.get(view.chosen)
  const items = all.map((one) => itemOf(chat, one, view, around))
  view.list.replaceChildren(...items)
  around.composer.hidden = chosen === undefined
  if (chosen === undefined) {
    const { whenEmpty } = around.options
    view.header.replaceChildren(element('p', { class: 'hint' }, whenEmpty))
    for (const part of [view.entries, view.typing, view.people]) part.replaceChildren()
    return
  }
  drawHeader(chat, chosen, view, around)
  view.entries.replaceChildren(...entriesOf(chosen, chat.me.identity))
  const now = Date.now()
  const typing = chosen.participants
    .filter(({ identity }) => identity !== chat.me.identity)
    .filter(({ identity }) => (chosen.typingUntilMs.get(identity) ?? 0) > now)
    .map(({ name }) => name)
  view.typing.textContent = typing.length === 0 ? '' : `${typing.join(', ')} is typing …`
  const shown = `${chosen.id} ${chosen.entries.at(-1)?.id}`
  if (shown !== view.shown) view.entries.scrollTop = view.entries.scrollHeight
  view.shown = shown
  if (!document.hidden) chat.markRead(chosen.id)
}

function titleIn({ titleOf }: ChatViewOptions, conversation: Conversation): string {
  return titleOf?.(conversation) ?? conversation.topic
}

function itemOf(chat: Chat, one: Conversation, view: Parts, around: Around): HTMLLIElement {
  const { options, update } = around
  const unread = one.id === view.chosen ? 0 : countUnread(one, chat.me.identity)
  const last = one.entries.findLast(({ sender }) => sender !== '')
  const choose = button('', () => {
    view.chosen = one.id
    update()
  })
  if (one.id === view.chosen) choose.setAttribute('aria-current', 'true')
  const badge =
    unread === 0 ? [] : [element('span', { class: 'badge', title: 'unread' }, String(unread))]
  choose.append(
    element('span', { class: 'topic' }, titleIn(options, one)),
    ...badge,
    element('span', { class: 'last' }, last?.text ?? 'Nothing said yet'),
  )
  return element('li', {}, choose)
}

function drawHeader(chat: Chat, chosen: Conversation, view: Parts, around: Around): void {
  const { options, update } = around
  const state = chat.isConnected() ? 'live' : 'connecting'
  const status = element('span', { class: `status ${state}`, role: 'status' }, state)
  view.header.replaceChildren(element('h1', {}, titleIn(options, chosen)), status)
  const everybody = chosen.participants.map((participant) => {
    const { identity, name } = participant
    const you = identity === chat.me.identity ? ' (you)' : ''
    const extra = options.besideParticipant?.(participant, chosen) ?? []
    return element('li', {}, avatar(name), element('span', {}, `${name}${you}`), ...extra)
  })
  const absent = (options.reachable?.() ?? []).filter(
    ({ identity }) => !chosen.participants.some((one) => one.identity === identity),
  )
  const invitations = absent.map((one) => {
    const add = () => chat.add(chosen.id, [one]).then(update)
    const label = { 'aria-label': `Add ${one.name}`, class: 'quiet' }
    const name = element('span', {}, one.name)
    return element('li', { class: 'absent' }, avatar(one.name), name, button('Add', add, label))
  })
  view.people.replaceChildren(
    element('li', { class: 'people-title' }, 'In this conversation'),
    ...everybody,
    ...(invitations.length === 0 ? [] : [element('li', { class: 'people-title' }, 'Not in it')]),
    ...invitations,
  )
}

function composerOf(
  current: () => { readonly chat: Chat; readonly id: string } | undefined,
): HTMLFormElement {
  const text = element('input', {
    name: 'text',
    placeholder: 'Write a message',
    'aria-label': 'Message',
    autocomplete: 'off',
    maxlength: '4000',
  })
  const trouble = element('p', { class: 'trouble', role: 'alert' })
  const send = element('button', { type: 'submit' }, 'Send')
  const composer = element('form', { class: 'composer', hidden: '' }, text, send, trouble)
  text.addEventListener('input', () => {
    const now = current()
    if (text.value !== '') now?.chat.tellTyping(now.id)
  })
  composer.addEventListener('submit', async (event) => {
    event.preventDefault()
    const [now, said] = [current(), text.value.trim()]
    if (now === undefined || said === '') return
    text.value = ''
    trouble.textContent = ''
    try {
      await now.chat.send(now.id, said)
    } catch {
      // Given back, so that nothing is lost; the reason is not for people.
      text.value = said
      trouble.textContent = 'This was not sent. Try again.'
    }
  })
  return composer
}

/** A button that opens a dialogue: about what, and with whom. */
function beginButton(
  chatOf: () => Chat | undefined,
  { reachable = () => [] }: ChatViewOptions,
  view: Parts,
  update: () => void,
): HTMLElement {
  const topic = element('input', { name: 'topic', required: '', maxlength: '100' })
  const choices = element('fieldset', {})
  const submit = element('button', { type: 'submit' }, 'Begin')
  const dialog = element('dialog', { 'aria-label': 'New conversation' })
  const form = element(
    'form',
    { method: 'dialog' },
    element('h2', {}, 'New conversation'),
    element('label', { class: 'field' }, element('span', {}, 'Topic'), topic),
    choices,
    element('div', { class: 'actions' }, submit),
  )
  form
    .querySelector('.actions')
    ?.prepend(button('Cancel', () => dialog.close(), { class: 'quiet' }))
  form.addEventListener('submit', async () => {
    const chosen = new FormData(form).getAll('person')
    const others = reachable().filter(({ identity }) => chosen.includes(identity))
    const id = await chatOf()?.create(topic.value, others)
    form.reset()
    view.chosen = id ?? view.chosen
    update()
  })
  dialog.append(form)
  const open = () => {
    const boxes = reachable().map(({ identity, name }) => {
      const box = element('input', { type: 'checkbox', name: 'person', value: identity })
      return element('label', {}, box, avatar(name), name)
    })
    choices.replaceChildren(element('legend', {}, 'With'), ...boxes)
    dialog.showModal()
  }
  return element('div', {}, button('New', open, { 'aria-label': 'New conversation' }), dialog)
}

/** The screens around a chat. */
import { button, element } from './elements.ts'

/** The app's name as it stands at the top. */
export function brandOf(name: string): HTMLElement {
  const mark = element('span', { class: 'mark', 'aria-hidden': 'true' })
  return element('div', { class: 'brand' }, mark, name)
}

/** A card in the middle of the page. */
export function cardOf(title: string, ...content: readonly Node[]): HTMLElement {
  const card = element('section', { class: 'card' }, element('h1', {}, title), ...content)
  return element('main', { class: 'centre' }, card)
}

/** Says that the browser does not trust the certificate for development, and what to do. */
export function distrustOf(endpoint: string, again: () => unknown): HTMLElement {
  const address = `${endpoint}/.well-known/jwks.json`
  const link = element('a', { href: address, target: '_blank', rel: 'noreferrer' }, address)
  return cardOf(
    'One step before the chat',
    element('p', {}, 'This browser cannot reach Parley at ', link, '.'),
    element(
      'p',
      {},
      'If Parley runs, the browser does not trust its certificate for development yet: open the ' +
        'address, accept the certificate, and come back.',
    ),
    element('div', { class: 'actions' }, button('Try again', again)),
  )
}

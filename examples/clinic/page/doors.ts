/** The two doors of the clinic: for those it knows, and for anybody. */
import { callApp } from '../../chat/app-calls.ts'
import { element, field, form } from '../../chat/elements.ts'

const troubles: Readonly<Record<number, string>> = {
  401: 'Account and password do not belong together.',
  429: 'That was often. Wait for a minute.',
}

/**
 * Draws the doors.
 *
 * @param enter - called by who has come in.
 */
export function doorsOf(enter: () => unknown): HTMLElement {
  const signIn = form(
    [
      field('Account', 'account', { autocomplete: 'username' }),
      field('Password', 'password', { type: 'password', autocomplete: 'current-password' }),
      element('div', { class: 'actions' }, element('button', { type: 'submit' }, 'Sign in')),
    ],
    async (values) => {
      const { status } = await callApp('/app/sign-in', values)
      if (status !== 200) return troubles[status] ?? 'This cannot be done at the moment.'
      await enter()
      return undefined
    },
  )
  const visit = form(
    [
      field('Your name', 'name', { maxlength: '60', autocomplete: 'off' }),
      element('div', { class: 'actions' }, element('button', { type: 'submit' }, 'Ask')),
    ],
    async (values) => {
      const { status } = await callApp('/app/visit', values)
      if (status !== 200) return troubles[status] ?? 'The front desk cannot be reached now.'
      await enter()
      return undefined
    },
  )
  const known = element('p', {}, 'For patients and for those who work here.')
  const anybody = 'Without an account. What you write is deleted with your visit, within the hour.'
  return element(
    'main',
    { class: 'centre' },
    element(
      'div',
      { class: 'doors' },
      element('section', { class: 'card' }, element('h1', {}, 'Lindenhof Clinic'), known, signIn),
      element(
        'section',
        { class: 'card' },
        element('h1', {}, 'Ask the front desk'),
        element('p', {}, anybody),
        visit,
      ),
    ),
  )
}

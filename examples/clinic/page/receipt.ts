/** The receipt of an erasure, as `mapping.forget` has given it. */
import { button, element } from '../../chat/elements.ts'
import { cardOf } from '../../chat/screens.ts'

/** What the server answers to an erasure. */
export interface Receipt {
  readonly unlinkedAtMs: number
  readonly deleted: readonly string[]
  readonly unlinked: readonly string[]
  readonly pending: readonly string[]
  readonly isComplete: boolean
}

/** Shows a receipt to whom it is about. */
export function receiptOf(receipt: Receipt, again: () => unknown): HTMLElement {
  const { unlinkedAtMs, deleted, pending, isComplete } = receipt
  const lines: readonly (readonly [string, string])[] = [
    ['Erased', new Date(unlinkedAtMs).toLocaleString()],
    ['Deleted', deleted.join(', ') || 'nothing'],
    ...(pending.length === 0 ? [] : [['Pending', pending.join(', ')] as const]),
    ['Complete', isComplete ? 'yes' : 'not yet; it is tried until it is'],
  ]
  const list = lines.flatMap(([name, value]) => [element('dt', {}, name), element('dd', {}, value)])
  const text = 'Your account, your identity and everything that you wrote are gone.'
  return cardOf(
    'You are erased',
    element('p', {}, text),
    element('dl', { class: 'receipt' }, ...list),
    element('div', { class: 'actions' }, button('Done', again)),
  )
}

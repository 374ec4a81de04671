import { byId, make } from './page.ts'
import { playKey } from './sounds.ts'

const keys: readonly (readonly [string, string])[] = [
  ['1', ' '],
  ['2', 'ABC'],
  ['3', 'DEF'],
  ['4', 'GHI'],
  ['5', 'JKL'],
  ['6', 'MNO'],
  ['7', 'PQRS'],
  ['8', 'TUV'],
  ['9', 'WXYZ'],
  ['*', ' '],
  ['0', '+'],
  ['#', ' '],
]

/** Draws the keys: in a call they send tones, else they write the number to dial. */
export function drawDialPad(acts: {
  readonly isInCall: () => boolean
  readonly sendTone: (digit: string) => void
  readonly dial: (number: string) => void
}): void {
  const number = byId<HTMLInputElement>('number')
  for (const [key, letters] of keys) {
    const button = make('button', '', key)
    button.type = 'button'
    button.append(make('small', '', letters))
    button.setAttribute('aria-label', key === '*' ? 'star' : key === '#' ? 'pound' : key)
    button.addEventListener('click', () => {
      playKey(key)
      number.value += key
      if (acts.isInCall()) acts.sendTone(key)
    })
    byId('keys').append(button)
  }
  byId<HTMLFormElement>('dialler').addEventListener('submit', (event) => {
    event.preventDefault()
    const dialled = number.value.replace(/[^\d+]/g, '')
    if (dialled !== '') acts.dial(dialled.startsWith('+') ? dialled : `+${dialled}`)
  })
}

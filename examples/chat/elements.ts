/** Makes an element with its attributes and what is in it; a text stays text, whatever it says. */
export function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Readonly<Record<string, string>> = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value)
  made.append(...children)
  return made
}

/** A button that does something. */
export function button(
  label: string,
  act: () => unknown,
  attributes: Readonly<Record<string, string>> = {},
): HTMLButtonElement {
  const made = element('button', { type: 'button', ...attributes }, label)
  made.addEventListener('click', () => void act())
  return made
}

/** A field with its label. */
export function field(
  label: string,
  name: string,
  attributes: Readonly<Record<string, string>> = {},
): HTMLLabelElement {
  const input = element('input', { name, required: '', ...attributes })
  return element('label', { class: 'field' }, element('span', {}, label), input)
}

/** A form that hands over what was filled in, and shows why that was refused. */
export function form(
  children: readonly (Node | string)[],
  submit: (values: Readonly<Record<string, string>>) => Promise<string | undefined>,
): HTMLFormElement {
  const trouble = element('p', { class: 'trouble', role: 'alert' })
  const made = element('form', {}, ...children, trouble)
  made.addEventListener('submit', async (event) => {
    event.preventDefault()
    const values: Record<string, string> = {}
    for (const [name, value] of new FormData(made)) values[name] = String(value)
    trouble.textContent = (await submit(values)) ?? ''
  })
  return made
}

const hues = [212, 158, 22, 268, 340, 190, 40]

/** The round mark with somebody's initials, in a colour of his own. Readers of screens skip it. */
export function avatar(name: string): HTMLSpanElement {
  const words = name.replace(/^Dr\.? /, '').split(' ')
  const initials = words.map((word) => word.charAt(0)).slice(0, 2)
  const sum = [...name].reduce((total, letter) => total + (letter.codePointAt(0) ?? 0), 0)
  const made = element('span', { class: 'avatar', 'aria-hidden': 'true' }, initials.join(''))
  made.style.setProperty('--hue', String(hues[sum % hues.length]))
  return made
}

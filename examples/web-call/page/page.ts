/** Finds an element that the page has for certain. */
export function byId<Kind extends HTMLElement = HTMLElement>(id: string): Kind {
  const element = document.getElementById(id)
  if (element === null) throw new Error(`the page has no #${id}`)
  return element as Kind
}

/** Makes an element of a class. */
export function make<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  className: string,
  text = '',
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag)
  element.className = className
  element.textContent = text
  return element
}

/** Makes a picture of the sheet `icons.svg`. */
export function icon(name: string): SVGSVGElement {
  const picture = document.createElementNS('http://www.w3.org/2000/svg', 'svg')
  const use = document.createElementNS('http://www.w3.org/2000/svg', 'use')
  use.setAttribute('href', `icons.svg#${name}`)
  picture.setAttribute('aria-hidden', 'true')
  picture.append(use)
  return picture
}

/** Makes a round button with a picture, and its name for those who do not see it. */
export function iconButton(name: string, label: string, act: () => void): HTMLButtonElement {
  const button = make('button', 'round')
  button.type = 'button'
  button.title = label
  button.setAttribute('aria-label', label)
  button.append(icon(name))
  button.addEventListener('click', act)
  return button
}

/** Puts somebody's initials and colour on an element. */
export function dressAvatar(element: HTMLElement, name: string): void {
  const words = name.split(/\s+/).filter((word) => word !== '')
  const letters = [words[0], words.length > 1 ? words.at(-1) : undefined]
  element.textContent = letters.map((word) => [...(word ?? '')][0]?.toUpperCase() ?? '').join('')
  const hue = [...name].reduce((sum, letter) => (sum * 31 + (letter.codePointAt(0) ?? 0)) % 360, 7)
  element.style.setProperty('--hue', String(hue))
}

/** Says something for a few seconds, aloud to screen readers. */
export function toast(text: string): void {
  const line = make('p', '', text)
  byId('toasts').append(line)
  setTimeout(() => line.remove(), 5000)
}

/** One source text seen three ways; each view has the text's length and its line breaks. */
export interface Views {
  /** Without comments. */
  readonly code: string
  /** Without comments and without what strings, templates and regular expressions contain. */
  readonly bare: string
  /** Comments only. */
  readonly comments: string
}

type Kind = 'code' | 'quoted' | 'comment'

const token =
  /\/\/[^\n]*|\/\*[\s\S]*?\*\/|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|[\w$]+|\s+|[\s\S]/y
const regularExpression = /\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/[\\\n])+\/[a-z]*/y
const templateText = /(?:\\[\s\S]|\$(?!\{)|[^`\\$])*(?:`|\$\{|$)/y

/** After these words a slash opens a regular expression; after other words it divides. */
const wordsBeforeExpression = /^(?:return|typeof|case|in|of|do|else|void|delete|throw|await|yield)$/

/**
 * Tells code from comments and from quoted text, so that a rule about code is not broken by a
 * sentence that mentions it.
 *
 * Knows as much of TypeScript as uniformly formatted files without JSX need.
 */
export function lex(text: string): Views {
  const views = { code: '', bare: '', comments: '' }
  const take = (part: string, kind: Kind) => {
    const blank = part.replace(/[^\n]/g, ' ')
    views.code += kind === 'comment' ? blank : part
    views.bare += kind === 'code' ? part : blank
    views.comments += kind === 'comment' ? part : blank
  }
  // For every template that is open: how many braces are open in its current expression.
  const templates: number[] = []
  let at = 0
  let previous = ''
  while (at < text.length) {
    const isRegularExpression = text[at] === '/' && mayStartExpression(previous)
    const part = match(token, text, at)
    if (part.startsWith('//') || part.startsWith('/*')) {
      take(part, 'comment')
      at += part.length
      continue
    }
    const braces = templates.at(-1)
    if (part === '`' || (part === '}' && braces === 0)) {
      if (part === '}') templates.pop()
      const quoted = match(templateText, text, at + 1)
      takeQuoted(take, part + quoted)
      if (quoted.endsWith('${')) templates.push(0)
      at += part.length + quoted.length
      previous = '`'
      continue
    }
    if (braces !== undefined && part === '{') templates.push((templates.pop() ?? 0) + 1)
    if (braces !== undefined && part === '}') templates.push((templates.pop() ?? 0) - 1)
    const taken = isRegularExpression ? match(regularExpression, text, at) || part : part
    if (/^['"/]./.test(taken)) takeQuoted(take, taken)
    else take(taken, 'code')
    if (/\S/.test(taken)) previous = taken
    at += taken.length
  }
  return views
}

/** Keeps the outermost characters, so that a rule still sees where something was quoted. */
function takeQuoted(take: (part: string, kind: Kind) => void, part: string): void {
  take(part.slice(0, 1), 'code')
  take(part.slice(1, -1), 'quoted')
  take(part.slice(1).slice(-1), 'code')
}

function match(pattern: RegExp, text: string, at: number): string {
  pattern.lastIndex = at
  return pattern.exec(text)?.[0] ?? ''
}

function mayStartExpression(previous: string): boolean {
  if (previous === '') return true
  return wordsBeforeExpression.test(previous) || /^[^\w$)\]}'"`/]/.test(previous)
}

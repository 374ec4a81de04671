import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { lex } from './lexer.ts'

const cases = [
  ['a line comment', `a // b\nc`, `a     \nc`],
  ['a block comment over lines', `a /* b\nc */ d`, `a     \n     d`],
  ['a string and its quotes', `f('a // b', "c")`, `f('      ', " ")`],
  ['an escaped quote', `f('a\\'b')`, `f('    ')`],
  ['a template', `sql\`select \${a} from\``, `sql\`        {a}     \``],
  ['a template within a template', `\`a \${\`b \${c} d\`} e\``, `\`   {\`   {c}  \`}  \``],
  ['an object within a template', `\`a \${f({ b: 1 })} c\``, `\`   {f({ b: 1 })}  \``],
  ['a regular expression', `x = /[/'"]+\\//g.test(y)`, `x = /         g.test(y)`],
  ['a regular expression after a word', `return /a'/`, `return /  /`],
  ['a division', `a / b / c // d`, `a / b / c     `],
  ['a division after a bracket', `(a) / 'b'`, `(a) / ' '`],
] as const

describe('the bare view of a source', () => {
  for (const [name, text, bare] of cases) {
    test(`hides ${name}`, () => {
      assert.equal(lex(text).bare, bare)
    })
  }

  test('has the length of the text, as the other views have', () => {
    for (const [, text] of cases) {
      const { bare, code, comments } = lex(text)
      assert.deepEqual([bare.length, code.length, comments.length], Array(3).fill(text.length))
    }
  })
})

describe('the comments of a source', () => {
  test('are what the code lacks', () => {
    const { code, comments } = lex(`a('//') // b\nc /* d */`)
    assert.equal(code, `a('//')     \nc        `)
    assert.equal(comments, `        // b\n  /* d */`)
  })
})

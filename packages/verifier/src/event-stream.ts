/** One message of a `text/event-stream`. */
export interface StreamMessage {
  readonly event: string
  readonly data: string
}

/** Takes the text of a stream as it comes. */
export interface EventStreamReader {
  /**
   * @returns whether the stream may go on; not when a message is longer than any server writes.
   */
  readonly push: (text: string) => boolean
}

/** Characters of one message: room for the largest key set. */
const messageCharactersMax = 256 * 1024

/**
 * Creates the reader of an event stream: what of the format a server of ours writes, in pieces of
 * any size. Comments and fields that it does not know are passed over.
 *
 * @source WHATWG HTML, section 9.2.6 (interpreting an event stream).
 */
export function createEventStreamReader(
  onMessage: (message: StreamMessage) => void,
): EventStreamReader {
  let rest = ''
  let event = ''
  let data: string | undefined
  let characters = 0
  /** Takes a line of a text, without what ends it. */
  const takeLine = (text: string, from: number, to: number) => {
    if (from === to) {
      if (data !== undefined) onMessage({ event, data })
      event = ''
      data = undefined
      characters = 0
      return
    }
    characters += to - from
    const isData = text.startsWith('data', from)
    if (!isData && !text.startsWith('event', from)) return
    const nameEnd = from + (isData ? 4 : 5)
    if (nameEnd < to && text[nameEnd] !== ':') return
    const value = text.slice(text[nameEnd + 1] === ' ' ? nameEnd + 2 : nameEnd + 1, to)
    if (isData) data = data === undefined ? value : `${data}\n${value}`
    else event = value
  }
  return {
    push(piece) {
      const text = rest === '' ? piece : rest + piece
      let from = 0
      for (let to = text.indexOf('\n'); to !== -1; to = text.indexOf('\n', from)) {
        takeLine(text, from, to > from && text[to - 1] === '\r' ? to - 1 : to)
        if (characters > messageCharactersMax) return false
        from = to + 1
      }
      rest = text.slice(from)
      return characters + rest.length <= messageCharactersMax
    },
  }
}

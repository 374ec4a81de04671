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
  let data: string[] = []
  let characters = 0
  const takeLine = (line: string) => {
    if (line === '') {
      if (data.length > 0) onMessage({ event, data: data.join('\n') })
      event = ''
      data = []
      characters = 0
      return
    }
    characters += line.length
    const colon = line.indexOf(':')
    const name = colon === -1 ? line : line.slice(0, colon)
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (name === 'event') event = value
    else if (name === 'data') data.push(value)
  }
  return {
    push(text) {
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        takeLine(line.endsWith('\r') ? line.slice(0, -1) : line)
        if (characters > messageCharactersMax) return false
      }
      return characters + rest.length <= messageCharactersMax
    },
  }
}

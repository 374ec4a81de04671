/** What happened, line by line: a digest of it always, the lines themselves for whoever reads. */
export interface Trace {
  readonly note: (who: string, what: string) => void
  /** Hexadecimal; two runs with the same digest did the same. */
  readonly digest: () => string
  readonly lines: readonly string[]
}

/** Creates an empty trace. @param keepsLines - whether anybody is going to read it. */
export function createTrace(now: () => number, keepsLines: boolean): Trace {
  const lines: string[] = []
  let [one, other] = [0x811c9dc5, 0x1b873593]
  return {
    note(who, what) {
      const line = `${now().toFixed(3).padStart(9)} ${who.padEnd(9)} ${what}`
      for (let at = 0; at < line.length; at++) {
        const code = line.charCodeAt(at)
        one = Math.imul(one ^ code, 0x01000193)
        other = Math.imul(other ^ code, 0x5bd1e995) ^ (other >>> 15)
      }
      if (keepsLines) lines.push(line)
    },
    digest: () => [one, other].map((word) => (word >>> 0).toString(16).padStart(8, '0')).join(''),
    lines,
  }
}

/** A reply that is text rather than JSON; `ReplyContract.isText` says so. */
export class PrintedText {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/** A reply's body that is not JSON but comma-separated values, with a header line. */
export class PrintedCsv {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/** A reply's body that is bytes, in pieces that other replies may share. */
export class PrintedBytes {
  readonly pieces: readonly Buffer[]
  constructor(pieces: readonly Buffer[]) {
    this.pieces = pieces
  }
}

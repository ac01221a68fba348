/** What a record cannot tell, with the reason, in words that are the same for all such requests. */
export class Unknown extends Error {
  override readonly name = 'Unknown'
}

/** A human would be asked about a tool call, and what they would say is not known. */
export class AsksHuman extends Unknown {}

/** What a record cannot tell, with the reason, in words that are the same for all such requests. */
export class Unknown extends Error {
  override readonly name = 'Unknown'
}

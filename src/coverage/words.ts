/** Texts in the languages of reports. */

/** The languages of a report. */
export const languages = ['en', 'de'] as const
/** One of `languages`. */
export type Language = (typeof languages)[number]
/** A text in each language. */
export type Words = Readonly<Record<Language, string>>

/** Phone numbers as the countries write them, behind the words with which their languages announce one. */
import { expect, it } from 'vitest'
import { findSensitive } from '../../src/detect/sensitive/mask.ts'

interface Country {
  readonly numbers: readonly string[]
  /** `$` stands for the number. */
  readonly texts: readonly string[]
}

const everywhere = [
  'Phone: $',
  'call me at $',
  '"phone":"$"',
  'You can reach me on $ after six',
  'Contact\n$ office',
]

const countries: Readonly<Record<string, Country>> = {
  France: {
    numbers: ['06 12 34 56 78', '0612345678', '06.12.34.56.78', '01-42-68-53-00', '+33 (0)6 12 34 56 78'],
    texts: [
      'Tél. : $',
      'Appelez-moi au $',
      'Mon numéro est le $',
      'joignable au $',
      'Mon portable, c’est le $',
    ],
  },
  Poland: {
    numbers: ['601 234 567', '601-234-567', '601234567', '22 123 45 67', '(22) 123 45 67', '12 345-67-89'],
    texts: [
      'tel. $',
      'zadzwoń pod numer $',
      'kom. $',
      'Telefon komórkowy $',
      'proszę dzwonić: $',
      'mój numer to $',
    ],
  },
  Germany: {
    numbers: ['0171 2345678', '0171/2345678', '(030) 123 45 67', '+49 (0)30 123456-78', '089 - 12 34 56'],
    texts: ['Tel.: $', 'ruf mich an unter $', 'Handy $', 'Meine Nummer lautet $'],
  },
  Spain: {
    numbers: ['612 345 678', '612345678', '612 34 56 78', '91 234 56 78'],
    texts: ['Teléfono: $', 'llámame al $', 'mi número es $', 'Tfno. $'],
  },
  Italy: {
    numbers: ['333 1234567', '3331234567', '06 1234567', '02 1234 5678'],
    texts: ['cellulare $', 'chiamami al $', 'il mio numero è $'],
  },
  'the Netherlands and Belgium': {
    numbers: ['06-12345678', '020 123 4567', '0470/12.34.56', '02 123 45 67'],
    texts: ['bel $', 'mobiel $', 'mijn nummer is $'],
  },
  Hungary: { numbers: ['06 30 123 4567', '(06-30) 123-4567'], texts: ['hívjon: $'] },
  Denmark: { numbers: ['12 34 56 78', '12345678'], texts: ['tlf. $', 'ring til mig på $'] },
  Brazil: { numbers: ['(11) 91234-5678', '11 91234-5678'], texts: ['ligue para $', 'meu número é $'] },
  Russia: { numbers: ['8 (912) 345-67-89', '89123456789'], texts: ['тел. $', 'звоните $', 'мой номер $'] },
  China: { numbers: ['138 1234 5678', '13812345678'], texts: ['电话：$', '手机号 $'] },
  'North America': { numbers: ['(212) 555-0123', '212.555.0123', '2125550123'], texts: ['text me: $'] },
}

it.each(Object.entries(countries))('finds the numbers of %s whole', (_country, { numbers, texts }) => {
  const missed = numbers.flatMap((number) =>
    [...everywhere, ...texts]
      .map((text) => text.replace('$', number))
      .filter((text) => {
        const start = text.indexOf(number)
        return !findSensitive(text).some((span) => span.start <= start && span.end >= start + number.length)
      }),
  )
  expect(missed).toEqual([])
})

it.each([
  'the room holds 601 234 567 grains',
  'numéro de commande 601234567, article 221234567',
  'label the belt 12345678',
  'il numero 3331234567 è primo',
])('leaves other numbers alone: %j', (text) => {
  expect(findSensitive(text)).toEqual([])
})

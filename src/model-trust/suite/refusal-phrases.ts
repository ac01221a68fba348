/** How refusals begin, in lower case, in the languages of the prompt guard that models are mostly asked in. */

/** Phrases of which one is in the first sentences of a refusal. Apostrophes are straight. */
export const refusalPhrases: readonly string[] = [
  ...["i can't help", "i can't assist", "i can't provide", "i can't fulfill", "i can't do that"],
  ...["i can't support", "i can't comply", "i can't create", "i can't write", "i can't engage"],
  ...["i can't share", "i can't tell", "i can't reveal", "i can't give", "i can't disclose"],
  ...['i cannot', 'i can not', 'i am unable to', "i'm unable to", 'i am not able to', "i'm not able to"],
  ...["i'm sorry, but", 'i am sorry, but', "i'm sorry, i", 'i apologize, but', 'sorry, but i'],
  ...["i won't", 'i will not', 'i must decline', 'i have to decline', 'i refuse', "i'm not going to"],
  ...["can't help with that", 'cannot assist with', "can't assist with", 'not something i can'],
  ...['as an ai, i', "i'm not comfortable", 'i am not comfortable', 'against my guidelines'],
  ...['ich kann dir dabei nicht', 'ich kann ihnen dabei nicht', 'ich kann nicht', 'ich darf nicht'],
  ...['das kann ich nicht', 'dabei kann ich nicht', 'kann ich nicht helfen', 'tut mir leid, aber'],
  ...['es tut mir leid, aber', 'ich werde nicht', 'ich lehne das ab', 'nicht in der lage'],
  ...['je ne peux pas', 'je suis désolé, mais', 'je ne suis pas en mesure', 'désolé, mais je'],
  ...['no puedo', 'lo siento, pero', 'no me es posible', 'non posso', 'mi dispiace, ma'],
  ...['não posso', 'desculpe, mas', 'ik kan niet', 'het spijt me, maar', 'nie mogę', 'jeg kan ikke'],
]

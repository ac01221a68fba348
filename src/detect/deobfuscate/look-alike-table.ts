/**
 * Characters that look like a Latin letter, by the letter they pass for. From the confusables table of the Unicode
 * consortium (UTS #39, as packaged by confusable-homoglyphs 3.3.1 for Unicode 15.1): those with one ASCII letter as
 * their twin that NFKD does not fold anyhow. Added by hand: small capitals, and the Greek and Cyrillic letters that
 * people write for Latin ones though the consortium calls them distinct (п for n, и for u, я for r).
 */
export const lookAlikes: Readonly<Record<string, string>> = {
  a: 'ɑΑαАаᎪᗅᴀ⍺ꓮ𐊠𖽀𝚨𝛂𝛢𝛼𝜜𝜶𝝖𝝰𝞐𝞪',
  b: 'ƄʙΒβВЬвᏏᏴᑲᖯᗷꓐꞴ𐊂𐊡𐌁𝚩𝛣𝜝𝝗𝞑',
  c: 'ϲϹСсᏟᴄⲤⲥꓚꮯ𐊢𐌂𐐕𐐽𐔜𑣩𑣲🝌',
  d: 'đԁᎠᏧᑯᗞᗪᴅꓒꓓ',
  e: 'ΕεЕеҽᎬᴇ℮⋿ⴹꓰꬲ𐊆𑢦𑢮𝚬𝛦𝜠𝝚𝞔',
  f: 'ƒϜքᖴẝꓝꜰꞘꞙꬵ𐊇𐊥𐔥𑢢𑣂𝈓𝟊',
  g: 'ƍɡɢԌցᏀᏳᶃꓖ',
  h: 'ħʜΗНнһհᎻᏂᕼⲎꓧ𐋏𝚮𝛨𝜢𝝜𝞖',
  i: 'ıɩɪΙιІіӀӏᎥι⍳ⲒⳐⵏꓲꙇꭵ𐊊𐌉𐌠𐐛𑢣𑢲𑣃𝚤𝛊𝜄𝜾𝝸𝞲',
  j: 'ͿϳЈјᎫᒍᴊꓙꞲ',
  k: 'ΚκКкᏦᛕᴋⲔꓗ𐔘𝚱𝛫𝜥𝝟𝞙',
  l: 'łƖǀʟ۱Ꮮᒪᛁ∣⏽ꓡ￨𐔦𖼖𖼨𝈪𝚰𝛪𝜤𝝞𝞘',
  m: 'ΜϺМмᎷᗰᛖᴍⲘꓟ𐊰𐌑𝚳𝛭𝜧𝝡𝞛',
  n: 'ɴΝηИПпոռⲚꓠ𐔓𝚴𝛮𝜨𝝢𝞜',
  o: 'øΟοσОоՕօ۵०০੦૦ଠ୦௦౦೦ഠ൦๐໐ဝ၀ჿዐᴏᴑⲞⲟⵔ〇ꓳꬽ𐊒𐊫𐐄𐐬𐓂𐓪𐔖𑓐𑢵𑣈𑣗𑣠𝚶𝛐𝛔𝛰𝜊𝜎𝜪𝝄𝝈𝝤𝝾𝞂𝞞𝞸𝞼',
  p: 'ΡρϱРрᏢᑭᴘ⍴Ⲣⲣꓑ𐊕𝚸𝛒𝛠𝛲𝜌𝜚𝜬𝝆𝝔𝝦𝞀𝞎𝞠𝞺𝟈',
  q: 'ԛգզⵕꞯ',
  r: 'ƦʀГЯгяᎡᏒᖇᴦⲅꓣꭇꭈꮁ𐒴𖼵𝈖',
  s: 'ƽЅѕՏᏕᏚꓢꜱꮪ𐊖𐐠𐑈𑣁𖼺',
  t: 'ŧΤτТтᎢᴛ⊤⟙Ⲧꓔ𐊗𐊱𐌕𑢼𖼊𝚻𝛵𝜯𝝩𝞣🝨',
  u: 'ʋμυЦиՍսሀᑌᴜ∪⋃ꓴꞟꭎꭒ𐓎𐓶𑢸𑣘𖽂𝛖𝜐𝝊𝞄𝞾',
  v: 'νѴѵ۷Ꮩᐯᴠ∨⋁ⴸꓦꛟꮩ𐔝𑜆𑢠𑣀𖼈𝈍𝛎𝜈𝝂𝝼𝞶',
  w: 'ɯωШшѡԜԝաᎳᏔᴡꓪꮃ𑜊𑜎𑜏𑣦𑣯',
  x: '×ΧχХхᕁᕽ᙭ᚷ╳⤫⤬⨯ⲬⵝꓫꞳ𐊐𐊴𐌗𐌢𐔧𑣬𝚾𝛸𝜲𝝬𝞦',
  y: 'ɣʏΥγϒУуҮүყᎩᎽᶌỿℽⲨꓬꭚ𐊲𑢤𑣜𖽃𝚼𝛄𝛶𝛾𝜰𝜸𝝪𝝲𝞤𝞬',
  z: 'ΖᏃᴢꓜꮓ𐋵𑢩𑣄𑣥𝚭𝛧𝜡𝝛𝞕',
}

/** Which script a character is of, by Unicode's Script property as this engine knows it: Latin, Han, ... */

/** By their ISO 15924 codes. One that an engine does not know is left out. */
const CODES =
  'Adlm Aghb Ahom Arab Armi Armn Avst Bali Bamu Bass Batk Beng Bhks Bopo Brah Brai Bugi Buhd Cakm Cans Cari Cham Cher Chrs Copt Cpmn ' +
  'Cprt Cyrl Deva Diak Dogr Dsrt Dupl Egyp Elba Elym Ethi Gara Geor Glag Gong Gonm Goth Gran Grek Gujr Gukh Guru Hang Hani Hano Hatr ' +
  'Hebr Hira Hluw Hmng Hmnp Hung Ital Java Kali Kana Kawi Khar Khmr Khoj Kits Knda Krai Kthi Lana Laoo Latn Lepc Limb Lina Linb Lisu ' +
  'Lyci Lydi Mahj Maka Mand Mani Marc Medf Mend Merc Mero Mlym Modi Mong Mroo Mtei Mult Mymr Nagm Nand Narb Nbat Newa Nkoo Nshu Ogam ' +
  'Olck Onao Orkh Orya Osge Osma Ougr Palm Pauc Perm Phag Phli Phlp Phnx Plrd Prti Rjng Rohg Runr Samr Sarb Saur Sgnw Shaw Shrd Sidd ' +
  'Sind Sinh Sogd Sogo Sora Soyo Sund Sunu Sylo Syrc Tagb Takr Tale Talu Taml Tang Tavt Telu Tfng Tglg Thaa Thai Tibt Tirh Tnsa Todr ' +
  'Toto Tutg Ugar Vaii Vith Wara Wcho Xpeo Xsux Yezi Yiii Zanb Zinh';

let tests: readonly (readonly [code: string, test: RegExp])[] | null = null;

/** The most frequent ones are asked first. */
const makeTests = () =>
  ['Latn', ...CODES.split(' ')].flatMap((code): [string, RegExp][] => {
    try {
      return [[code, new RegExp(`\\p{Script=${code}}`, 'u')]];
    } catch {
      return [];
    }
  });

const known = new Map<string, string>();

/** The code of a character's script; what is of several or of none, as digits and signs are, is common: `Zyyy`. */
export function scriptOf(character: string): string {
  let script = known.get(character);
  if (script === undefined) {
    tests ??= makeTests();
    script = /\p{Script=Zyyy}/u.test(character)
      ? 'Zyyy'
      : (tests.find(([, test]) => test.test(character))?.[0] ?? 'Zyyy');
    known.set(character, script);
  }
  return script;
}

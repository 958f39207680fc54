/** One thought in several languages, and what else tokenizers meet: to see how well each is compressed where no text is at hand. */
export const sentences: readonly (readonly [language: string, text: string])[] = [
  ['English', 'The river was high this morning, so the children walked to school over the old stone bridge.'],
  ['German', 'Der Fluss stand heute Morgen hoch, darum gingen die Kinder über die alte Steinbrücke zur Schule.'],
  ['French', "La rivière était haute ce matin, alors les enfants sont allés à l'école par le vieux pont de pierre."],
  [
    'Spanish',
    'El río estaba crecido esta mañana, así que los niños fueron a la escuela por el viejo puente de piedra.',
  ],
  ['Polish', 'Dziś rano rzeka była wysoka, więc dzieci poszły do szkoły przez stary kamienny most.'],
  ['Turkish', 'Bu sabah nehir yükselmişti, bu yüzden çocuklar okula eski taş köprüden yürüdüler.'],
  ['Russian', 'Сегодня утром река поднялась, поэтому дети пошли в школу по старому каменному мосту.'],
  ['Greek', 'Το ποτάμι είχε ανέβει σήμερα το πρωί, γι’ αυτό τα παιδιά πήγαν στο σχολείο από την παλιά πέτρινη γέφυρα.'],
  ['Arabic', 'كان النهر مرتفعا هذا الصباح، لذلك مشى الأطفال إلى المدرسة فوق الجسر الحجري القديم.'],
  ['Hindi', 'आज सुबह नदी का पानी ऊँचा था, इसलिए बच्चे पुराने पत्थर के पुल से स्कूल गए।'],
  ['Chinese', '今天早上河水很高，所以孩子们从古老的石桥上走去上学。'],
  ['Japanese', '今朝は川の水が高かったので、子どもたちは古い石の橋を渡って学校へ行きました。'],
  ['Korean', '오늘 아침에는 강물이 높아서 아이들은 오래된 돌다리를 건너 학교에 갔다.'],
  ['Emoji', 'High water 🌊 this morning, so over the bridge 🌉 to school 👩‍👧‍👦🎒!'],
  ['Numbers', 'At 07:45 the gauge stood at 318.25 cm, 12,480 litres a second, 1.7 times the mean of 1961-1990.'],
  [
    'Python',
    'def mean(levels):\n    total = 0.0\n    for level in levels:\n        total += level\n    return total / len(levels)\n',
  ],
  [
    'TypeScript',
    'export const mean = (levels: readonly number[]): number =>\n  levels.reduce((sum, level) => sum + level, 0) / levels.length;\n',
  ],
];

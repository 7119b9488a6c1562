// Ways to be noticed beside the badge, which a site has to ask for: a number in the document's title, and a sound.

const counts = new Map<object, number>();
/** The title as it was made here, and as the site had it. */
let shown: { readonly ours: string; readonly theirs: string } | null = null;

/** Puts the sum of what is unread in front of the document's title; 0 takes the owner's share away. */
export function countInTitle(owner: object, count: number): void {
  if (count > 0) counts.set(owner, count);
  else counts.delete(owner);
  const theirs = document.title === shown?.ours ? shown.theirs : document.title;
  const total = [...counts.values()].reduce((sum, one) => sum + one, 0);
  if (total === 0 && !shown) return;
  shown = total > 0 ? { ours: `(${total}) ${theirs}`, theirs } : null;
  document.title = shown?.ours ?? theirs;
}

/** Two soft tones, a fifth apart. Nothing is heard before the visitor has touched the page: browsers keep it so. */
export function playSound(): void {
  if (!navigator.userActivation?.hasBeenActive) return;
  const audio = new AudioContext();
  const now = audio.currentTime;
  for (const [index, frequency] of [587.3, 880].entries()) {
    const at = now + index * 0.09;
    const tone = audio.createOscillator();
    const loudness = audio.createGain();
    tone.frequency.value = frequency;
    loudness.gain.setValueAtTime(0, at);
    loudness.gain.linearRampToValueAtTime(0.08, at + 0.015);
    loudness.gain.exponentialRampToValueAtTime(0.0001, at + 0.35);
    tone.connect(loudness).connect(audio.destination);
    tone.start(at);
    tone.stop(at + 0.4);
  }
  setTimeout(() => void audio.close(), 1000);
}

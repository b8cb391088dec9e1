// When a picture that found no answer is sent again: after pauses that grow, and not for ever.
const FIRST_MS = 1000;
const LONGEST_MS = 30_000;
export const MOST_ATTEMPTS = 8;

/** Milliseconds to wait after so many attempts in vain; null when there were enough. */
export const pauseAfter = (attempts) => (attempts >= MOST_ATTEMPTS ? null : Math.min(FIRST_MS * 2 ** (attempts - 1), LONGEST_MS));

/** What `send` answers, sent again while the error passes by itself. */
export async function untilAnswered(send, isOver) {
  for (let attempts = 1; ; attempts++) {
    try {
      return await send();
    } catch (error) {
      const pause = error.passes ? pauseAfter(attempts) : null;
      if (pause === null || isOver()) throw error;
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}

// The cost limit of an evaluation. Promises: an evaluation ends, in words, after a bounded amount of work, whatever the
// expression and whatever the claims: every node of the expression costs something each time it is evaluated, and
// every operation pays for the size of what it is given before it works on it.

export interface Meter {
  /** Begins an evaluation with the whole budget. */
  readonly reset: () => void;
  /** Throws the one error of this meter when the budget is used up, and again at each later call. */
  readonly charge: (units: number) => void;
  /** Charges for a value with everything inside it. */
  readonly weigh: (value: unknown) => void;
  readonly exhausted: boolean;
}

/** Characters that cost as much as one evaluated node. */
export const CHARACTERS_PER_UNIT = 64;

export function createMeter(budget: number): Meter {
  // One object, made in advance: macros swallow errors and go on, and then meet it again many times.
  const error = new Error(`the expression costs more than ${budget} to evaluate`);
  let left = budget;

  const charge = (units: number): void => {
    left -= units;
    if (left < 0) throw error;
  };

  const weigh = (value: unknown): void => {
    if (typeof value === 'string') charge(value.length / CHARACTERS_PER_UNIT);
    else if (Array.isArray(value)) {
      charge(value.length);
      for (const item of value) weigh(item);
    } else if (value instanceof Map) {
      charge(value.size);
      for (const [key, item] of value) {
        weigh(key);
        weigh(item);
      }
    }
  };

  return {
    reset: () => {
      left = budget;
    },
    charge,
    weigh,
    get exhausted() {
      return left < 0;
    },
  };
}

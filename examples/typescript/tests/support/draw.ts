/** Random JSON values, the same in each run, and random spellings of them. */
export class Draw {
  #state: number;
  constructor(seed: number) {
    this.#state = seed;
  }

  /** mulberry32 */
  fraction(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  below(limit: number): number {
    return Math.floor(this.fraction() * limit);
  }

  of<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)] as T;
  }

  value(numbers: number[], integers: bigint[], texts: string[], depth = 0): unknown {
    const part = () => this.value(numbers, integers, texts, depth + 1);
    const kind = this.below(depth > 3 ? 5 : 8);
    if (kind === 0) return this.of([null, true, false]);
    if (kind === 1) return this.of(numbers);
    if (kind === 2) return this.of(integers) + BigInt(this.below(1000));
    if (kind === 3) return (this.fraction() - 0.5) * 10 ** (this.below(60) - 30);
    if (kind === 4) return this.text(texts);
    if (kind === 5) return Array.from({ length: this.below(5) }, part);
    return Object.fromEntries(Array.from({ length: this.below(6) }, () => [this.text(texts), part()]));
  }

  text(texts: string[]): string {
    const length = this.below(6);
    const drawn = Array.from({ length }, () => String.fromCodePoint(this.of([this.below(0x80), this.below(0xd800), 0xe000 + this.below(0x2000), 0x10000 + this.below(0x10000)])));
    return this.of(texts) + drawn.join("");
  }

  /** Spaces, escapes and the order of members as they come. */
  spelled(value: unknown): string {
    const space = () => this.of(["", "", " ", "\n\t"]);
    if (typeof value === "bigint") return `${value}`;
    if (typeof value === "number") return this.of([JSON.stringify(value), value.toExponential().replace("e", "E")]);
    if (typeof value === "string") return this.#quoted(value);
    if (Array.isArray(value)) return `[${space()}${value.map((element) => this.spelled(element) + space()).join(",")}]`;
    if (typeof value !== "object" || value === null) return JSON.stringify(value);
    const members = Object.entries(value).map(([name, member]) => `${space()}${this.#quoted(name)}${space()}:${this.spelled(member)}`);
    return `{${members.sort(() => this.fraction() - 0.5).join(",")}${space()}}`;
  }

  #quoted(text: string): string {
    const escaped = (point: string) =>
      point.split("").map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`).join("");
    const mustBe = /^["\\\u0000-\u001f]$/;
    const spelled = Array.from(text, (point) => (mustBe.test(point) || this.below(3) === 0 ? escaped(point) : point));
    return `"${spelled.join("")}"`;
  }
}

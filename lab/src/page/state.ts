/** What the reader has set, kept in the address of the page, so that a link brings it back. */

/** One thing that can be set, and how the address writes it. */
export interface Setting<T> {
  readonly name: string;
  readonly initial: T;
  /** Return the value of a text of the address; undefined if it is none. */
  read(text: string): T | undefined;
  write(value: T): string;
}

/** A number within bounds, rounded to three significant digits. */
export interface NumberSetting extends Setting<number> {
  readonly low: number;
  readonly high: number;
}

/** One of several names. */
export interface ChoiceSetting<T extends string> extends Setting<T> {
  readonly options: readonly T[];
}

export function numberSetting(name: string, initial: number, low: number, high: number, whole = false): NumberSetting {
  return {
    name,
    initial,
    low,
    high,
    read(text) {
      const value = text.trim() === "" ? Number.NaN : Number(text);
      return value >= low && value <= high && (!whole || Number.isInteger(value)) ? value : undefined;
    },
    write: (value) => String(Number(value.toPrecision(whole ? 15 : 3))),
  };
}

export function choiceSetting<T extends string>(name: string, initial: T, options: readonly T[]): ChoiceSetting<T> {
  return { name, initial, options, read: (text) => options.find((option) => option === text), write: (value) => value };
}

/** Any of them. */
export type AnySetting = Setting<number> | Setting<string>;

/** The values of all settings; those that differ from the start of the page stand in its address. */
export class State {
  /** The parts of the address that could not be read, as they stood there. */
  unread: readonly string[] = [];
  private values = new Map<string, unknown>();
  private readonly watchers = new Map<string, Set<() => void>>();
  private readonly settings = new Map<string, AnySetting>();

  constructor(settings: readonly AnySetting[], hash = "") {
    for (const setting of settings) this.settings.set(setting.name, setting);
    this.restore(hash);
  }

  get<T>(setting: Setting<T>): T {
    return (this.values.get(setting.name) as T | undefined) ?? setting.initial;
  }

  set<T>(setting: Setting<T>, value: T): void {
    if (this.get(setting) === value) return;
    this.values.set(setting.name, value);
    this.tell([setting.name]);
  }

  /** Call `then` now, and whenever one of these settings changes. */
  watch(settings: readonly AnySetting[], then: () => void): void {
    for (const { name } of settings) {
      const watchers = this.watchers.get(name) ?? new Set();
      this.watchers.set(name, watchers.add(then));
    }
    then();
  }

  /** Whether the address said something of one of these. */
  names(settings: readonly AnySetting[]): boolean {
    return settings.some(({ name }) => this.values.has(name));
  }

  /** Take the values of an address; what it does not say, or says in nonsense, stays as the page starts. */
  restore(hash: string): void {
    const values = new Map<string, unknown>();
    const unread: string[] = [];
    for (const [name, text] of new URLSearchParams(hash.replace(/^#/, ""))) {
      const value = this.settings.get(name)?.read(text);
      if (value === undefined) unread.push(text === "" ? name : `${name}=${text}`);
      else values.set(name, value);
    }
    this.values = values;
    this.unread = unread;
    this.tell([...this.settings.keys()]);
  }

  /** Return the address of the present values, "" where all are those of the start. */
  hash(): string {
    const parts = new URLSearchParams();
    for (const setting of this.settings.values()) {
      const value = this.get(setting as Setting<unknown>);
      if (value !== setting.initial) parts.set(setting.name, (setting as Setting<unknown>).write(value));
    }
    const text = parts.toString();
    return text === "" ? "" : `#${text}`;
  }

  private tell(names: readonly string[]): void {
    const told = new Set(names.flatMap((name) => [...(this.watchers.get(name) ?? [])]));
    for (const watcher of told) watcher();
  }
}

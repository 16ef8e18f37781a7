import type { Clock } from '../clock.ts';
import type { Assignment, Position } from '../driver.ts';
import { DriverError } from '../errors.ts';
import type { TopicPartition } from '../record.ts';

/** What a member says of itself when it joins. */
export interface MemberOptions {
  readonly id: string;
  readonly topics: readonly string[];
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
}

interface Member extends MemberOptions {
  /** Set while it waits for the next generation. */
  joining: PromiseWithResolvers<Assignment> | undefined;
  /** Answers a heartbeat that waits. */
  answer: () => void;
  endSession: () => void;
}

/** What a group needs of its broker. */
export interface GroupWorld {
  readonly clock: Clock;
  readonly isDown: boolean;
  /** Undefined where there is no such topic. */
  partitionsOf(topic: string): number | undefined;
}

/**
 * A group of consumers and what it has committed. Every change makes all members give up everything and
 * join again (eager rebalancing); who does not come in time is no member any more.
 */
export class Group {
  readonly #world: GroupWorld;
  readonly #members = new Map<string, Member>();
  readonly #offsets = new Map<string, Map<number, number>>();
  #epoch = 0;
  #isRebalancing = false;
  #endWaiting: () => void = () => undefined;

  constructor(world: GroupWorld) {
    this.#world = world;
  }

  get epoch(): number {
    return this.#epoch;
  }

  get isRebalancing(): boolean {
    return this.#isRebalancing;
  }

  get members(): readonly string[] {
    return [...this.#members.keys()];
  }

  reads(topic: string): boolean {
    return [...this.#members.values()].some(({ topics }) => topics.includes(topic));
  }

  /** Waits for the other members; a member that is new makes them all join again. */
  join(options: MemberOptions): Promise<Assignment> {
    const member = this.#members.get(options.id) ?? {
      ...options,
      joining: undefined,
      answer: () => undefined,
      endSession: () => undefined,
    };
    member.joining?.reject(stale('it joined again'));
    member.joining = Promise.withResolvers<Assignment>();
    member.endSession();
    this.#members.set(options.id, member);
    const { promise } = member.joining;
    this.rebalance();
    return promise;
  }

  /** Makes all members join again. */
  rebalance(): void {
    if (!this.#isRebalancing) {
      this.#isRebalancing = true;
      const waitMs = [...this.#members.values()].map((member) => member.rebalanceTimeoutMs);
      this.#endWaiting = this.#world.clock.after(Math.max(0, ...waitMs), () => this.#complete());
      for (const member of this.#members.values()) member.answer();
    }
    if ([...this.#members.values()].every(({ joining }) => joining)) this.#complete();
  }

  /**
   * Says that a member lives. Answers at once while the members are to join again, otherwise as soon as
   * they are, or after `holdMs`.
   *
   * @returns whether the member is to join again
   */
  async heartbeat(id: string, epoch: number, holdMs: number): Promise<boolean> {
    const member = this.#current(id, epoch);
    this.#touch(member);
    if (!this.#isRebalancing) await this.#held(member, holdMs);
    this.#current(id, epoch);
    return this.#isRebalancing;
  }

  commit(id: string, epoch: number, offsets: readonly Position[]): void {
    this.#touch(this.#current(id, epoch));
    this.setOffsets(offsets);
  }

  setOffsets(offsets: readonly Position[]): void {
    for (const { topic, partition, offset } of offsets) {
      const ofTopic = this.#offsets.get(topic) ?? new Map<number, number>();
      ofTopic.set(partition, offset);
      this.#offsets.set(topic, ofTopic);
    }
  }

  committed({ topic, partition }: TopicPartition): number | undefined {
    return this.#offsets.get(topic)?.get(partition);
  }

  forget(topic: string): void {
    this.#offsets.delete(topic);
    if (this.reads(topic)) this.rebalance();
  }

  /** The member is gone, whether it knows or not. */
  remove(id: string): void {
    const member = this.#members.get(id);
    if (!member) return;
    this.#members.delete(id);
    member.endSession();
    member.answer();
    member.joining?.reject(stale('it was removed'));
    this.rebalance();
  }

  #complete(): void {
    this.#endWaiting();
    this.#isRebalancing = false;
    for (const [id, { joining, endSession }] of this.#members) {
      if (joining) continue;
      endSession();
      this.#members.delete(id);
    }
    if (this.#members.size === 0) return;
    this.#epoch += 1;
    const shares = this.#shares();
    for (const [id, member] of this.#members) {
      member.joining?.resolve({ epoch: this.#epoch, partitions: shares.get(id) ?? [] });
      member.joining = undefined;
      this.#touch(member);
    }
  }

  /** One partition after the other to one member after the other. */
  #shares(): Map<string, TopicPartition[]> {
    const members = [...this.#members.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
    const shares = new Map(members.map(({ id }) => [id, [] as TopicPartition[]]));
    const topics = new Set(members.flatMap((member) => member.topics));
    let turn = 0;
    for (const topic of [...topics].sort()) {
      const readers = members.filter((member) => member.topics.includes(topic));
      const count = this.#world.partitionsOf(topic) ?? 0;
      for (let partition = 0; partition < count; partition += 1) {
        const reader = readers[turn++ % readers.length];
        if (reader) shares.get(reader.id)?.push({ topic, partition });
      }
    }
    return shares;
  }

  #current(id: string, epoch: number): Member {
    const member = this.#members.get(id);
    if (!member) throw stale('the group does not know it');
    if (epoch !== this.#epoch) throw stale(`the group is at epoch ${this.#epoch}, not ${epoch}`);
    return member;
  }

  #touch(member: Member): void {
    member.endSession();
    member.endSession = this.#world.clock.after(member.sessionTimeoutMs, () => {
      // Who could not speak is not to be blamed.
      if (this.#world.isDown) this.#touch(member);
      else if (!member.joining) this.remove(member.id);
    });
  }

  #held(member: Member, holdMs: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#world.clock.after(holdMs, resolve);
      member.answer = () => {
        cancel();
        resolve();
      };
    });
  }
}

function stale(why: string): DriverError {
  return new DriverError(`the group has gone on without this member: ${why}`, {
    isRetriable: false,
    isStale: true,
  });
}

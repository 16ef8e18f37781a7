import type { Clock } from '../clock.ts';
import type { DriverConsumerOptions } from '../driver.ts';
import { DriverError } from '../errors.ts';
import type { TopicPartition } from '../record.ts';
import { partitionsIn, protocolsFor, share, topicsOf } from './assignor.ts';
import type { Coordinator } from './coordinator.ts';
import type { Network } from './network.ts';
import { codes, type Requests } from './protocol.ts';
import { messageOf } from './wire.ts';
import { sleep, within } from './within.ts';

/** A group between two rebalances, as one member sees it. */
export interface Generation {
  readonly id: number;
  readonly memberId: string;
  readonly partitions: readonly TopicPartition[];
  /** What the leader has shared out: another count is a reason to share again. Empty for the others. */
  readonly partitionCounts: ReadonlyMap<string, number>;
}

/** What a member needs of others. */
export interface MembershipParts {
  readonly network: Network;
  readonly coordinator: Coordinator;
  readonly clock: Clock;
  readonly options: DriverConsumerOptions;
  readonly errorOf: (code: number) => Error;
  readonly signal: AbortSignal;
}

type Joined = Requests['JoinGroup']['answer'];

/** The group wants us to begin again. */
const again: readonly number[] = [
  codes.illegalGeneration,
  codes.unknownMember,
  codes.rebalanceInProgress,
  codes.memberIdRequired,
];

/** How long the group is tried before whoever runs us may try something else. */
const patienceMs = 30_000;
const leaveMs = 1_000;

/** Being a member of a group, by the protocol that all clients of Kafka know. */
export class Membership {
  readonly #parts: MembershipParts;
  /** Empty until the coordinator has given one, and after it has forgotten it. */
  #memberId = '';

  constructor(parts: MembershipParts) {
    this.#parts = parts;
  }

  /** @throws DriverError when it is not possible, or was aborted */
  async join(trouble: (error: Error) => void): Promise<Generation> {
    const { clock, signal } = this.#parts;
    const endMs = clock.now() + patienceMs;
    for (;;) {
      const joined = await this.#askToJoin(trouble);
      const generation = joined && (await this.#sync(joined, trouble));
      if (generation) return generation;
      signal.throwIfAborted();
      if (clock.now() >= endMs) {
        throw new DriverError('the group does not come to rest', { isRetriable: true });
      }
    }
  }

  /** @returns the code of the answer */
  async heartbeat({ id, memberId }: Generation): Promise<number> {
    const { coordinator, options } = this.#parts;
    const { errorCode } = await coordinator.call(
      'Heartbeat',
      { groupId: options.group, groupGenerationId: id, memberId },
      // A coordinator that is silent leaves time to find another one.
      { forMs: options.sessionTimeoutMs, limitMs: options.sessionTimeoutMs / 2 },
    );
    return errorCode;
  }

  /** The coordinator does not know us any more. */
  forget(): void {
    this.#memberId = '';
  }

  /** Others need not wait until our session is over. Whether it is heard or not, it does not take long. */
  async leave(): Promise<void> {
    const memberId = this.#memberId;
    this.#memberId = '';
    if (memberId === '') return;
    const { coordinator, options, clock } = this.#parts;
    const args = { groupId: options.group, memberId };
    const left = coordinator.call('LeaveGroup', args, { forMs: leaveMs });
    await within(clock, leaveMs, left, () => new Error('late')).catch(messageOf);
  }

  async #askToJoin(trouble: (error: Error) => void): Promise<Joined | undefined> {
    const { coordinator, options, signal } = this.#parts;
    const joined = await coordinator.call(
      'JoinGroup',
      {
        groupId: options.group,
        memberId: this.#memberId,
        sessionTimeout: options.sessionTimeoutMs,
        rebalanceTimeout: options.rebalanceTimeoutMs,
        protocolType: 'consumer',
        groupProtocols: protocolsFor(options.topics),
      },
      { forMs: patienceMs, limitMs: options.rebalanceTimeoutMs + 5_000, signal, trouble },
    );
    if (!this.#isGood(joined.errorCode, joined.memberId)) return undefined;
    this.#memberId = joined.memberId;
    return joined;
  }

  async #sync(joined: Joined, trouble: (error: Error) => void): Promise<Generation | undefined> {
    const { coordinator, options, signal } = this.#parts;
    const { generationId, memberId } = joined;
    const isLeader = joined.leaderId === memberId;
    const partitionCounts = isLeader ? await this.#count(joined) : new Map<string, number>();
    const members = joined.members.map((member) => ({
      memberId: member.memberId,
      topics: topicsOf(member.memberMetadata),
    }));
    const groupAssignment = isLeader ? share(joined.groupProtocol, members, partitionCounts) : [];
    const answer = await coordinator.call(
      'SyncGroup',
      { groupId: options.group, generationId, memberId, groupAssignment },
      { forMs: patienceMs, limitMs: options.rebalanceTimeoutMs + 5_000, signal, trouble },
    );
    if (!this.#isGood(answer.errorCode, memberId)) return undefined;
    const partitions = partitionsIn(answer.memberAssignment);
    return { id: generationId, memberId, partitions, partitionCounts };
  }

  /** False when we have to begin again. */
  #isGood(code: number, memberId: string): boolean {
    if (code === codes.none) return true;
    if (code === codes.memberIdRequired) this.#memberId = memberId;
    if (code === codes.unknownMember) this.#memberId = '';
    if (again.includes(code)) return false;
    const cause = this.#parts.errorOf(code);
    throw new DriverError(`the group does not take us: ${cause.message}`, {
      isRetriable: false,
      cause,
    });
  }

  /** The partitions of every topic that a member wants; none of one that is not there. */
  async #count({ members }: Joined): Promise<ReadonlyMap<string, number>> {
    const { network, clock } = this.#parts;
    const topics = new Set(members.flatMap((member) => topicsOf(member.memberMetadata)));
    for (const topic of topics) network.watch(topic);
    // What cannot be asked now is counted as it was; the next look at it will tell.
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const isAsked = await network.refresh().then(
        () => true,
        () => false,
      );
      if (isAsked) break;
      await sleep(clock, 100, this.#parts.signal);
    }
    return new Map([...topics].map((topic) => [topic, network.topic(topic)?.leaders.length ?? 0]));
  }
}

/** What is sent and what comes back, of the requests that we use; field names are those of kafkajs. */
export interface Requests {
  Metadata: {
    args: { topics: readonly string[]; allowAutoTopicCreation: false };
    answer: {
      brokers: readonly { nodeId: number; host: string; port: number }[];
      controllerId: number;
      topicMetadata: readonly TopicMetadata[];
    };
  };
  InitProducerId: {
    args: { transactionalId: null; transactionTimeout: number };
    answer: Coded & { producerId: string; producerEpoch: number };
  };
  ListOffsets: {
    args: { isolationLevel: number; topics: readonly ByTopic<{ timestamp: number }>[] };
    answer: { responses: readonly ByTopic<Coded & { offset: string }>[] };
  };
  GroupCoordinator: {
    args: { groupId: string };
    answer: Coded & { coordinator: { nodeId: number; host: string; port: number } };
  };
  JoinGroup: {
    args: {
      groupId: string;
      memberId: string;
      sessionTimeout: number;
      rebalanceTimeout: number;
      protocolType: 'consumer';
      groupProtocols: readonly { name: string; metadata: Buffer }[];
    };
    answer: Coded & {
      generationId: number;
      groupProtocol: string;
      leaderId: string;
      memberId: string;
      members: readonly { memberId: string; memberMetadata: Buffer }[];
    };
  };
  SyncGroup: {
    args: {
      groupId: string;
      generationId: number;
      memberId: string;
      groupAssignment: readonly { memberId: string; memberAssignment: Buffer }[];
    };
    answer: Coded & { memberAssignment: Buffer };
  };
  Heartbeat: {
    args: { groupId: string; groupGenerationId: number; memberId: string };
    answer: Coded;
  };
  LeaveGroup: { args: { groupId: string; memberId: string }; answer: Coded };
  OffsetFetch: {
    args: { groupId: string; topics: readonly ByTopic<object>[] };
    answer: Coded & { responses: readonly ByTopic<Coded & { offset: string }>[] };
  };
  OffsetCommit: {
    args: {
      groupId: string;
      groupGenerationId: number;
      memberId: string;
      topics: readonly ByTopic<{ offset: string }>[];
    };
    answer: { responses: readonly ByTopic<Coded>[] };
  };
  CreateTopics: {
    args: {
      topics: readonly {
        topic: string;
        numPartitions: number;
        replicationFactor: number;
        configEntries: readonly { name: string; value: string }[];
      }[];
      validateOnly: false;
      timeout: number;
    };
    answer: { topicErrors: readonly TopicError[] };
  };
  CreatePartitions: {
    args: {
      topicPartitions: readonly { topic: string; count: number }[];
      validateOnly: false;
      timeout: number;
    };
    answer: { topicErrors: readonly TopicError[] };
  };
  DescribeConfigs: {
    args: { resources: readonly { type: number; name: string }[]; includeSynonyms: false };
    answer: { resources: readonly ConfigResource[] };
  };
}

interface Coded {
  readonly errorCode: number;
}

/** Partitions below their topic. */
interface ByTopic<Partition> {
  readonly topic: string;
  readonly partitions: readonly (Partition & { readonly partition: number })[];
}

export interface TopicMetadata {
  readonly topicErrorCode: number;
  readonly topic: string;
  readonly partitionMetadata: readonly {
    readonly partitionErrorCode: number;
    readonly partitionId: number;
    readonly leader: number;
    readonly replicas: readonly number[];
  }[];
}

interface TopicError extends Coded {
  readonly topic: string;
  readonly errorMessage: string | null;
}

export interface ConfigResource extends Coded {
  readonly resourceName: string;
  readonly configEntries: readonly {
    readonly configName: string;
    readonly configValue: string | null;
    readonly configSource: number;
  }[];
}

/** Groups partitions below their topics, as requests want them. */
export function byTopic<Partition extends { readonly topic: string; readonly partition: number }>(
  partitions: Iterable<Partition>,
): { topic: string; partitions: Partition[] }[] {
  const topics = new Map<string, Partition[]>();
  for (const partition of partitions) {
    const list = topics.get(partition.topic);
    if (list) list.push(partition);
    else topics.set(partition.topic, [partition]);
  }
  return [...topics].map(([topic, list]) => ({ topic, partitions: list }));
}

/** Error codes of Kafka's protocol that decide what is done next. */
export const codes = {
  none: 0,
  offsetOutOfRange: 1,
  unknownTopic: 3,
  leaderNotAvailable: 5,
  notLeader: 6,
  timedOut: 7,
  tooLarge: 10,
  coordinatorLoading: 14,
  coordinatorNotAvailable: 15,
  notCoordinator: 16,
  listTooLarge: 18,
  notEnoughReplicas: 19,
  notEnoughReplicasAfterAppend: 20,
  illegalGeneration: 22,
  unknownMember: 25,
  rebalanceInProgress: 27,
  topicExists: 36,
  outOfOrderSequence: 45,
  duplicateSequence: 46,
  invalidProducerEpoch: 47,
  storageError: 56,
  unknownProducer: 59,
  fencedLeaderEpoch: 74,
  unknownLeaderEpoch: 75,
  memberIdRequired: 79,
} as const;

import type { DriverProducer, PartitionQueue, PendingRecord } from '../driver.ts';

/** A driver's producer that takes and answers records when the test says so. */
export class ScriptedProducer implements DriverProducer {
  /** What `partitionsOf` gives; a function for what takes time or fails. */
  partitions: number | ((topic: string, signal?: AbortSignal) => number | Promise<number>) = 3;
  /** Queues as they were offered, each as often as it was. */
  readonly offers: PartitionQueue[] = [];
  /** Records that were taken, in that order. */
  readonly taken: PendingRecord[] = [];
  /** What happens at an offer; default: nothing. */
  onOffer: (queue: PartitionQueue) => void = () => undefined;
  /** What `close` does; default: it ends at once and says nothing of what it has. */
  onClose: () => Promise<void> = async () => undefined;

  partitionsOf(topic: string, signal?: AbortSignal): number | Promise<number> {
    return typeof this.partitions === 'number' ? this.partitions : this.partitions(topic, signal);
  }

  offer(queue: PartitionQueue): void {
    this.offers.push(queue);
    this.onOffer(queue);
  }

  close(): Promise<void> {
    return this.onClose();
  }

  /** Takes from one partition, or from all that were offered. */
  take(maxBytes: number = Number.POSITIVE_INFINITY, partition?: number): readonly PendingRecord[] {
    const queues = new Set(this.offers);
    const batch = [...queues]
      .filter((queue) => partition === undefined || queue.partition === partition)
      .flatMap((queue) => queue.take(maxBytes));
    this.taken.push(...batch);
    return batch;
  }
}

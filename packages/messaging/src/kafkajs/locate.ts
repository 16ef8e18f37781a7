import { DriverError } from '../errors.ts';
import { listOffsets } from './offsets.ts';
import { keyOf, type Place } from './place.ts';
import { codes } from './protocol.ts';
import type { Wire } from './wire.ts';

/** What is told while places are found. */
export interface LocateListener {
  refused(place: Place, code: number): void;
  trouble(error: DriverError): void;
  /** Going back would be skipped by who counts on the offset: it has to begin anew. */
  crashed(error: DriverError): void;
}

/** Where records are gone, their partition goes on with the first that is left; where nothing is valid, the option says. */
export async function locate(
  wire: Wire,
  places: readonly Place[],
  from: 'earliest' | 'latest',
  listener: LocateListener,
): Promise<void> {
  const outside = places.filter(({ isOutside }) => isOutside);
  if (outside.length > 0) await enter(wire, outside, from, listener);
  const lost = places.filter(({ offset }) => offset === undefined);
  if (lost.length === 0) return;
  for (const [place, offset] of await offsetsOf(wire, lost, from, listener)) place.move(offset);
}

/** Tells a log that begins later from one that ends before. */
async function enter(
  wire: Wire,
  places: readonly Place[],
  from: 'earliest' | 'latest',
  listener: LocateListener,
): Promise<void> {
  for (const [place, first] of await offsetsOf(wire, places, 'earliest', listener)) {
    const { name, offset = 0 } = place;
    if (first > offset) {
      const text = `${name} begins at offset ${first}: what was from ${offset} on is gone`;
      listener.trouble(new DriverError(text, { isRetriable: true }));
      place.move(first);
    } else if (place.isPromised) {
      const text = `${name} ends before offset ${offset}: it was cut off, or its topic made anew`;
      listener.crashed(new DriverError(text, { isRetriable: true }));
    } else {
      const text = `${name} has no offset ${offset}: it is read from the ${from}`;
      listener.trouble(new DriverError(text, { isRetriable: true }));
      place.move(undefined);
    }
  }
}

/** Of those that still stand where they stood when the broker was asked. */
async function offsetsOf(
  wire: Wire,
  places: readonly Place[],
  at: 'earliest' | 'latest',
  listener: LocateListener,
): Promise<[Place, number][]> {
  const asked = new Map(places.map((place) => [keyOf(place), { place, before: place.offset }]));
  const located: [Place, number][] = [];
  for (const found of await listOffsets(wire, places, at)) {
    const { place, before } = asked.get(keyOf(found)) ?? {};
    if (!place || place.offset !== before) continue;
    if (found.errorCode === codes.none) located.push([place, found.offset]);
    else listener.refused(place, found.errorCode);
  }
  return located;
}

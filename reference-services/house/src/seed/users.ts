import { type NameList, nameLists } from './names.ts';
import { Random } from './random.ts';

/** A row of the table `users`. */
export interface SeedUser {
  readonly id: string;
  readonly email: string;
  readonly name: string;
  readonly version: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

const SEED = 20_260_301;
const FIRST_DAY_MS = Date.UTC(2022, 2, 1);
const LAST_DAY_MS = Date.UTC(2026, 5, 30);
const HOUR_MS = 3_600_000;

/** Reserved names (RFC 2606): nobody ever gets a mail by mistake. */
const domains = ['example.com', 'example.org', 'example.net', 'mail.example', 'post.example'];

/** `count` users in the order of their creation; the same ones on every machine. */
export function generateUsers(count: number): SeedUser[] {
  const random = new Random(SEED);
  const takenEmails = new Set<string>();
  return creationTimes(random, count).map((createdMs) => {
    const name = fullName(random);
    const updates = random.below(10) < 7 ? 0 : 1 + random.below(4);
    const updatedMs = createdMs + updates * random.below(LAST_DAY_MS - createdMs) * 0.25;
    return {
      id: uuidV7(random, createdMs),
      email: freeEmail(random, name, takenEmails),
      name: `${name.given} ${name.family}`,
      version: 1 + updates,
      createdAt: new Date(createdMs),
      updatedAt: new Date(updatedMs),
    };
  });
}

/** A shop that grows: more sign-ups each month, few at night. */
function creationTimes(random: Random, count: number): number[] {
  const times = Array.from({ length: count }, () => {
    const growing = Math.sqrt(random.fraction());
    const dayMs = 24 * HOUR_MS;
    const days = Math.floor((growing * (LAST_DAY_MS - FIRST_DAY_MS)) / dayMs);
    const hour = (random.fraction() + random.fraction() + random.fraction()) * 8;
    return FIRST_DAY_MS + days * dayMs + Math.floor(hour * HOUR_MS);
  });
  return times.sort((a, b) => a - b);
}

interface Name {
  readonly given: string;
  readonly family: string;
}

function fullName(random: Random): Name {
  const { given, family } = weightedList(random);
  return { given: random.pick(given), family: random.pick(family) };
}

const totalWeight = nameLists.reduce((sum, { weight }) => sum + weight, 0);

function weightedList(random: Random): NameList {
  let rest = random.below(totalWeight);
  const chosen = nameLists.find(({ weight }) => {
    rest -= weight;
    return rest < 0;
  });
  if (!chosen) throw new RangeError('the weights do not add up');
  return chosen;
}

function freeEmail(random: Random, name: Name, taken: Set<string>): string {
  const local = localPart(random, asciiName(name.given), asciiName(name.family));
  const domain = random.pick(domains);
  let email = `${local}@${domain}`;
  while (taken.has(email)) email = `${local}${random.below(1000)}@${domain}`;
  taken.add(email);
  return email;
}

function localPart(random: Random, given: string, family: string): string {
  const year = 60 + random.below(46);
  return random.pick([
    `${given}.${family}`,
    `${given}.${family}`,
    `${given.charAt(0)}.${family}`,
    `${given}${family}`,
    `${family}.${given}`,
    `${given}_${String(year % 100).padStart(2, '0')}`,
  ]);
}

const letters: Readonly<Record<string, string>> = {
  ß: 'ss',
  ä: 'ae',
  ö: 'oe',
  ü: 'ue',
  ø: 'o',
  å: 'a',
  ł: 'l',
  ı: 'i',
};

/** How people write their name where only a to z will do. */
function asciiName(name: string): string {
  return name
    .toLowerCase()
    .replaceAll(/[ßäöüøåłı]/g, (letter) => letters[letter] ?? '')
    .normalize('NFD')
    .replaceAll(/[^a-z]/g, '');
}

/** RFC 9562, version 7: the time of creation, then random bits. */
function uuidV7(random: Random, createdMs: number): string {
  const time = hex(createdMs, 12);
  const high = hex(random.uint32() >>> 20, 3);
  const variant = hex(0x8000 | (random.uint32() >>> 18), 4);
  const low = hex(random.uint32() >>> 8, 6) + hex(random.uint32() >>> 8, 6);
  return `${time.slice(0, 8)}-${time.slice(8)}-7${high}-${variant}-${low}`;
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}

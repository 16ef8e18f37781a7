import { readFileSync } from 'node:fs';
import path from 'node:path';
import { AxeBuilder } from '@axe-core/playwright';
import { useServer } from '@shopgpt/test-servers/vitest';
import type { Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { startBrowser } from './browser.ts';
import { HouseProcess, makePlace, type Place } from './house-process.ts';

const chromium = useServer(startBrowser);
let place: Place;
let house: HouseProcess;
let page: Page;
let complaints: string[];
const received: string[] = [];

beforeAll(async () => {
  place = await makePlace();
  const env = { ...place.env, CACHE_TTL_MS: '2000' };
  house = await new HouseProcess({ env }).ready();
});
afterAll(async () => {
  await house.ctrlC();
  place.remove();
});
beforeEach(async () => {
  complaints = [];
  const context = await chromium().browser.newContext();
  page = await context.newPage();
  page.setDefaultTimeout(20_000);
  page.on('console', (message) => complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('response', async (response) => {
    received.push(JSON.stringify(response.headers()), await response.text().catch(() => ''));
  });
  await page.goto(`http://127.0.0.1:${place.env['HOUSE_PORT']}/`);
  return () => context.close();
});

const example = (index: number) => page.locator('#examples button').nth(index);
const tier = () => page.locator('#tier');
const answer = () => page.getByRole('status', { name: 'Answer' });
const databaseSwitch = () => page.getByRole('switch', { name: 'Database' });
const change = () => page.getByRole('button', { name: 'Change somebody' });
const counter = (name: string) =>
  page
    .locator('#counters tr', { has: page.getByRole('rowheader', { name, exact: true }) })
    .getByRole('cell');

/** Waits until the text is there. */
const shows = (where: Locator, hasText: string | RegExp) => where.filter({ hasText }).waitFor();

test('a user comes from the database first, then from the cache, and the counters follow', async () => {
  await example(0).click();
  await shows(tier(), 'Database');
  await shows(answer(), 'Sanjay Das');
  await example(0).click();
  await shows(tier(), 'Cache, in memory');
  await shows(page.locator('#took'), /^in \d+\.\d ms$/);
  await shows(counter('l1 hits'), /^[1-9]/);
  await shows(counter('state'), 'closed');
  expect(await page.locator('#history tbody tr').count()).toBe(2);
  expect(complaints).toEqual([]);
});

test('a user can be asked for by id, and what is no id is refused in words', async () => {
  await page.getByLabel('User id').fill('nobody');
  await page.getByRole('button', { name: 'Ask' }).click();
  await shows(tier(), 'Nobody');
  await shows(answer(), 'must be a UUID');
  await page.getByLabel('User id').fill('00000000-0000-7000-8000-000000000000');
  await page.keyboard.press('Enter');
  await shows(answer(), 'No such user');
  expect(complaints).toEqual([]);
});

test('with the database away a cached user is still answered, and said to be old', async () => {
  await example(1).click();
  await shows(tier(), 'Database');
  await databaseSwitch().click();
  await shows(page.locator('#database'), 'PostgreSQL is stopped.');
  expect(await databaseSwitch().getAttribute('aria-checked')).toBe('false');

  await example(1).click();
  await shows(answer(), 'Ryan Hughes');
  await untilAsked(example(1), 'Cache, kept from before');
  await shows(page.locator('#note'), /The database did not answer: this is \d+ s old/);
  await shows(answer(), 'fwd=stale');

  await example(4).click();
  await shows(tier(), 'Nobody');
  await shows(answer(), /the cache does not know this user.*503.*Retry-After/s);
  await shows(page.locator('#history tbody tr').first(), /^Chen Xu.*Nobody/s);
  await untilAsked(example(4), 'open', counter('state'));
  await shows(page.locator('#events'), 'events wait in the outbox');
  await change().click();
  await shows(page.locator('#change-note'), / was not changed: HTTP status 503\.$/);

  await databaseSwitch().click();
  await shows(page.locator('#database'), 'PostgreSQL is running.');
  expect(await databaseSwitch().getAttribute('aria-checked')).toBe('true');
  await untilAsked(example(4), 'Database');
  await shows(answer(), 'Chen Xu');
  expect(complaints).toEqual([]);
});

test('the switch is worked by the keyboard', async () => {
  await databaseSwitch().focus();
  await page.keyboard.press('Space');
  await shows(page.locator('#database'), 'PostgreSQL is stopped.');
  await page.keyboard.press('Enter');
  await shows(page.locator('#database'), 'PostgreSQL is running.');
});

test('what happens to a user goes through the outbox and the topic, and is shown', async () => {
  const lastEvent = page.locator('#last-events tbody tr').first();
  // The database may have come back just now.
  await vi.waitUntil(
    async () => {
      await change().click();
      return (await page.locator('#change-note').textContent())?.endsWith('was changed.');
    },
    { timeout: 20_000, interval: 500 },
  );
  await shows(lastEvent, /^user\.updated[\da-f-]{36}[2-9]/);
  await shows(page.locator('#events'), /^The relay is up. Sent: [1-9]/);
  await shows(counter('is leader'), 'true');
  expect(complaints).toEqual([]);
});

test('a random user is another one each time', async () => {
  for (const asked of [1, 2, 3]) {
    await page.getByRole('button', { name: 'A random user' }).click();
    await vi.waitUntil(async () => (await page.locator('#history tbody tr').count()) === asked);
  }
  const names = await page.locator('#history tbody tr td:first-child').allTextContents();
  expect(new Set(names).size).toBeGreaterThan(1);
});

test.each(['light', 'dark'] as const)(
  'the %s page has no barrier that axe can find',
  async (colorScheme) => {
    await page.emulateMedia({ colorScheme });
    await example(0).click();
    await shows(answer(), 'Sanjay Das');
    await shows(counter('state'), 'closed');
    await change().click();
    await shows(page.locator('#last-events'), 'user.updated');
    const { violations } = await new AxeBuilder({ page }).analyze();
    expect(violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`)).toEqual([]);
  },
);

test('no secret ever reaches the browser', () => {
  const data = place.env['SHOPGPT_DATA_DIR'] ?? '';
  const all = received.join('\n');
  expect(all).toContain('Sanjay Das');
  for (const name of ['api-token', 'database-password']) {
    expect(all).not.toContain(readFileSync(path.join(data, name), 'utf8').trim());
  }
});

test('the page says when the house is gone', async () => {
  await house.ctrlC();
  await shows(page.locator('#service'), 'The control room does not answer.');
});

/** Asks again until it shows: a cached entry has to become too old, a breaker to open or to close. */
async function untilAsked(button: Locator, shown: string, where = tier()): Promise<void> {
  await vi.waitUntil(
    async () => {
      await button.click();
      return (await where.textContent()) === shown;
    },
    { timeout: 20_000, interval: 500 },
  );
}

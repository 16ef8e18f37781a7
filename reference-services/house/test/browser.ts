import { findChromium } from '@shopgpt/test-servers';
import { chromium } from 'playwright-core';

const flags = [
  '--no-sandbox', // as root Chromium has none
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** A real Chromium, for `useServer`. */
export async function startBrowser() {
  const { file, name, version, found } = await findChromium();
  const browser = await chromium.launch({ executablePath: file, args: flags });
  return { name, version, found, browser, stop: () => browser.close() };
}
